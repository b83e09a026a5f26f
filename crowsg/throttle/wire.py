"""The values of throttles as plain ones, which can travel between nodes.

What is read was written by another node: all of it is checked, and what is not as it should be
raises ``InvalidThrottle`` before anything is changed. An unlimited rate has no number, as no
infinite one may travel. Durations travel in seconds: they were made of some, and are again, to the
nanosecond.
"""

from collections.abc import Mapping
from fractions import Fraction
from math import inf
from typing import Any

from crowsg.clock import SECOND
from crowsg.errors import InvalidThrottle
from crowsg.rate import Ramp, Rate
from crowsg.text import shown
from crowsg.throttle.lease import WHOLE, Lease, Report, Terms
from crowsg.throttle.owner import ThrottleState
from crowsg.throttle.process import Declared, RampProgress

Plain = Any

_MOST = 1 << 62
_LONGEST_TTL_NS = 60 * SECOND
_STATE = ("declared", "is_paused", "life", "lost_ns", "progress", "rate")


def plain_rate(rate: Rate) -> Plain:
    """Return a rate as ``[permits or None, seconds]``."""
    return [None if rate.is_unlimited else rate.permits, rate.interval_ns / SECOND]


def read_rate(plain: Plain) -> Rate:
    """Read ``plain_rate`` back, to the nanosecond."""
    permits, per = items(plain, 2, "a rate")
    return Rate(inf if permits is None else permits, per)


def plain_ramp(ramp: Ramp) -> Plain:
    """Return a ramp as ``[start, end, steps, seconds of a step]``."""
    return [plain_rate(ramp.start), plain_rate(ramp.end), ramp.steps, ramp.step_ns / SECOND]


def read_ramp(plain: Plain) -> Ramp:
    """Read ``plain_ramp`` back."""
    start, end, steps, step = items(plain, 4, "a ramp")
    return Ramp(read_rate(start), read_rate(end), steps, step)


def plain_declared(declared: Declared) -> Plain:
    """Return what a throttle is started with as ``[word, rate or ramp]``."""
    if isinstance(declared, Ramp):
        return ["ramp", plain_ramp(declared)]
    return ["rate", plain_rate(declared)]


def read_declared(plain: Plain) -> Declared:
    """Read ``plain_declared`` back."""
    word, value = items(plain, 2, "a declaration")
    if word == "ramp":
        return read_ramp(value)
    if word == "rate":
        return read_rate(value)
    raise refusal(word, "a kind of declaration")


def plain_progress(progress: RampProgress | None) -> Plain:
    """Return how far a ramp has come as ``[ramp, step]``."""
    return None if progress is None else [plain_ramp(progress.ramp), progress.step]


def read_progress(plain: Plain) -> RampProgress | None:
    """Read ``plain_progress`` back."""
    if plain is None:
        return None
    ramp, step = items(plain, 2, "the progress of a ramp")
    known = read_ramp(ramp)
    return RampProgress(known, whole(step, 0, known.steps))


def plain_terms(terms: Terms) -> Plain:
    """Return terms as ``[rate, units, phase as two numbers, singles]``."""
    # Nobody has as many slots, and more than this does not travel.
    units = min(terms.units, _MOST)
    phase = terms.phase
    return [plain_rate(terms.rate), units, phase.numerator, phase.denominator, terms.singles]


def read_terms(plain: Plain) -> Terms:
    """Read ``plain_terms`` back."""
    rate, units, part, parts, singles = items(plain, 5, "terms")
    known = read_rate(rate)
    parts = whole(parts, 1, _MOST)
    return Terms(
        known,
        whole(units, 0, _MOST if known.is_parallel else WHOLE),
        Fraction(whole(part, 0, parts), parts),
        None if singles is None else whole(singles),
    )


def plain_lease(lease: Lease) -> Plain:
    """Return a lease that runs out as a list of its terms and numbers."""
    return [
        plain_terms(lease.terms),
        lease.epoch,
        lease.sequence,
        lease.ttl_ns,
        lease.answers,
        lease.kept_ns,
        lease.age_ns,
    ]


def read_lease(plain: Plain) -> Lease:
    """Read ``plain_lease`` back; one that lasts for ever does not come from another node."""
    terms, epoch, sequence, ttl_ns, answers, kept_ns, age_ns = items(plain, 7, "a lease")
    return Lease(
        read_terms(terms),
        whole(epoch, 1),
        whole(sequence, 1),
        whole(ttl_ns, 1, _LONGEST_TTL_NS),
        whole(answers),
        whole(kept_ns),
        whole(age_ns),
    )


def plain_report(report: Report) -> Plain:
    """Return a report as the list of its numbers."""
    return [
        report.number,
        report.epoch,
        report.sequence,
        report.waiting,
        report.granted,
        report.held,
        report.used,
        report.returned,
    ]


def read_report(plain: Plain) -> Report:
    """Read ``plain_report`` back."""
    return Report(*(whole(each) for each in items(plain, 8, "a report")))


def plain_state(state: ThrottleState) -> Plain:
    """Return a throttle as its owner has it as a dictionary."""
    return {
        "rate": plain_rate(state.rate),
        "is_paused": state.is_paused,
        "progress": plain_progress(state.progress),
        "lost_ns": state.lost_ns,
        "declared": plain_declared(state.declared),
        "life": state.life,
    }


def read_state(plain: Plain) -> ThrottleState:
    """Read ``plain_state`` back."""
    declared, is_paused, life, lost_ns, progress, rate = fields(plain, _STATE)
    return ThrottleState(
        read_rate(rate),
        flag(is_paused),
        read_progress(progress),
        whole(lost_ns),
        read_declared(declared),
        whole(life, 1),
    )


def items(plain: Plain, count: int | None, what: str) -> list[Any]:
    """Return a list of ``count`` items, None for any number.

    Raises:
        InvalidThrottle: It is none.
    """
    if type(plain) is not list or count not in (None, len(plain)):
        raise refusal(plain, what)
    return plain


def fields(plain: Plain, names: tuple[str, ...]) -> list[Any]:
    """Return the values of a dictionary that has exactly these names, in their order.

    Raises:
        InvalidThrottle: It has others, or is none.
    """
    if not isinstance(plain, Mapping) or plain.keys() != set(names):
        raise refusal(plain, f"a message with {', '.join(names)}")
    return [plain[name] for name in names]


def whole(value: Plain, least: int = 0, most: int = _MOST) -> int:
    """Return a whole number from ``least`` to ``most``.

    Raises:
        InvalidThrottle: It is none.
    """
    if type(value) is not int or not least <= value <= most:
        raise refusal(value, f"a whole number from {least} to {most}")
    return value


def flag(value: Plain) -> bool:
    """Return True or False.

    Raises:
        InvalidThrottle: It is neither.
    """
    if type(value) is not bool:
        raise refusal(value, "True or False")
    return value


def refusal(value: object, what: str) -> InvalidThrottle:
    """Return the error of a value that is not what it should be."""
    return InvalidThrottle(f"{shown(value, 60)} is not {what}")
