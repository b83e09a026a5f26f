"""Whether a run left behind anything that a check could have found wrong."""

from collections.abc import Callable

from crowsg.testing.invariants.evidence import Evidence

Ground = Callable[[Evidence], bool]


def _noted(*kinds: str) -> Ground:
    """Return what tells whether something of these kinds was noted."""
    return lambda evidence: any(life.of(*kinds) for life in evidence.lives)


def _is_counted(evidence: Evidence) -> bool:
    return evidence.summary is not None or _noted("status", "cluster")(evidence)


def _has_ids(evidence: Evidence) -> bool:
    return evidence.users is not None or _noted("start")(evidence)


def _has_uses(evidence: Evidence) -> bool:
    return any("throttle" in hit.fields for hit in evidence.hits) and _noted("rate")(evidence)


def _has_holders(evidence: Evidence) -> bool:
    return any(hit.event == "begin" and "throttle" in hit.fields for hit in evidence.hits)


def _has_results(evidence: Evidence) -> bool:
    return evidence.summary is not None


def _has_an_end(evidence: Evidence) -> bool:
    states = (note["state"] for life in evidence.lives for note in life.of("status"))
    calls = (note["callback"] for life in evidence.lives for note in life.of("calling"))
    return _noted("released")(evidence) or "terminating" in states or "terminate" in calls


def _tells_how_it_stands(evidence: Evidence) -> bool:
    own = _noted("status")(evidence) and _noted("start")(evidence)
    return own or _noted("cluster")(evidence)


def _has_roll_calls(evidence: Evidence) -> bool:
    return any(len(life.of("greenlets")) > 1 for life in evidence.lives)


GROUNDS: dict[str, Ground] = {
    "I1": _is_counted,
    "I2": _noted("start", "end"),
    "I3": _has_ids,
    "I4": _noted("start"),
    "I5": _noted("calling", "start"),
    "I6": _has_uses,
    "I7": _has_holders,
    "I9": _has_results,
    "I10": _noted("command"),
    "I11": _noted("lost"),
    "I12": _noted("leads", "configure"),
    "I13": _has_an_end,
    "I15": _tells_how_it_stands,
    "I16": _noted("calling", "end"),
    "I17": _has_roll_calls,
    "I18": _noted("usage"),
}
"""By invariant: what tells whether there is anything to judge it by."""


def unjudged(evidence: Evidence) -> list[str]:
    """Return the invariants of which a run shows nothing: that they held cannot be said.

    Args:
        evidence: What the run left behind.
    """
    return [number for number, has_ground in GROUNDS.items() if not has_ground(evidence)]
