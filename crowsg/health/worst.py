"""What several nodes were like together: in each figure as bad as the worst of them. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace
from itertools import chain

from crowsg.health.monitor import Reading
from crowsg.health.record import MAX_SPANS, HealthSummary, StallSummary
from crowsg.health.watchdog import MAX_STALLS
from crowsg.metrics.figures import Latency

Span = tuple[float, float]

_HEALTHY = HealthSummary(0.0, (), 0.0, 0.0, None, None, 0.0, 0, 0, ())


def worst_reading(readings: Iterable[Reading]) -> Reading:
    """Return the highest of each figure; saturated where one was."""
    worst = Reading()
    for each in readings:
        worst = Reading(
            cpu=max(worst.cpu, each.cpu),
            lag_s=max(worst.lag_s, each.lag_s),
            resident_bytes=max(worst.resident_bytes, each.resident_bytes),
            open_files=max(worst.open_files, each.open_files),
            saturated=worst.saturated or each.saturated,
        )
    return worst


def worst_of(nodes: Mapping[str, HealthSummary]) -> HealthSummary:
    """Sum up the health of nodes, by their names.

    ``saturated`` are the times in which one of them or more was the limit, ``saturated_s`` how much
    time that is. Stalls are those of all nodes, their places with the name of the node. Everything
    else is the highest of its kind, quantiles one by one.
    """
    stalls = chain.from_iterable(_named(each.stalls, name) for name, each in nodes.items())
    return replace(
        worst_life(nodes.values()),
        stalls=tuple(sorted(stalls, key=lambda each: each.at_s)[:MAX_STALLS]),
    )


def worst_life(lives: Iterable[HealthSummary]) -> HealthSummary:
    """Sum up the health of one node over its lives, as ``worst_of``; stalls keep their places."""
    known = list(lives) or [_HEALTHY]
    spans = joined(chain.from_iterable(each.saturated for each in known))
    stalls = chain.from_iterable(each.stalls for each in known)
    return HealthSummary(
        # Each node keeps the first spans only, but all of their time.
        saturated_s=max(
            sum(to_s - from_s for from_s, to_s in spans), *(each.saturated_s for each in known)
        ),
        saturated=tuple(spans[:MAX_SPANS]),
        cpu_mean=max(each.cpu_mean for each in known),
        cpu_max=max(each.cpu_max for each in known),
        loop_lag=_worst_latency(each.loop_lag for each in known),
        gc_pause=_worst_latency(each.gc_pause for each in known),
        gc_pause_s=max(each.gc_pause_s for each in known),
        resident_bytes=max(each.resident_bytes for each in known),
        open_files=max(each.open_files for each in known),
        stalls=tuple(sorted(stalls, key=lambda each: each.at_s)[:MAX_STALLS]),
    )


def shifted(health: HealthSummary, seconds: float) -> HealthSummary:
    """Return it with its moments moved on; none lies before the start of the run."""
    return replace(
        health,
        saturated=tuple(
            (max(0.0, from_s + seconds), max(0.0, to_s + seconds))
            for from_s, to_s in health.saturated
        ),
        stalls=tuple(replace(each, at_s=max(0.0, each.at_s + seconds)) for each in health.stalls),
    )


def joined(spans: Iterable[Span]) -> list[Span]:
    """Return spans that touch or overlap as one, the earliest first."""
    union: list[Span] = []
    for from_s, to_s in sorted(spans):
        if union and from_s <= union[-1][1]:
            union[-1] = (union[-1][0], max(union[-1][1], to_s))
        else:
            union.append((from_s, to_s))
    return union


def _named(stalls: Iterable[StallSummary], node: str) -> Iterator[StallSummary]:
    return (replace(each, place=f"{each.place} on {node}") for each in stalls)


def _worst_latency(latencies: Iterable[Latency | None]) -> Latency | None:
    known = [each for each in latencies if each is not None]
    if not known:
        return None
    names = [field.name for field in fields(Latency)]
    return Latency(*(max(getattr(each, name) for each in known) for name in names))
