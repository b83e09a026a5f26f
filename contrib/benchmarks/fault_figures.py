"""What the stamps of a run say of a fault that was done to it. Pure; all moments in seconds."""

from bisect import bisect_left
from collections.abc import Sequence

WINDOWS_S = (0.1, 1.0)
WHOLE = 0.98
STEP_S = 0.01


def whole_after(hits_s: Sequence[float], rate: float, fault_s: float) -> float | None:
    """Return how long after a fault a rate was whole again, and stayed so for a second.

    Args:
        hits_s: All hits, ascending.
        rate: Hits per second that are asked for.
        fault_s: The moment of the fault.

    Returns:
        Seconds until the first moment, looked at every 10 ms, from which on the next 100 ms and the
        next second each hold 98 % of the rate at least; None where the hits end too early.
    """
    last_s = hits_s[-1] - max(WINDOWS_S)
    moments_s = (fault_s + step * STEP_S for step in range(int((last_s - fault_s) / STEP_S) + 1))
    whole_s = (each for each in moments_s if _is_whole(hits_s, rate, each))
    return next((each - fault_s for each in whole_s), None)


def count(ascending: Sequence[float], from_s: float, to_s: float) -> int:
    """Return how many moments lie in a half-open window."""
    return bisect_left(ascending, to_s) - bisect_left(ascending, from_s)


def fullest(ascending: Sequence[float], width_s: float) -> int:
    """Return how many moments lie in the fullest window that is so wide, wherever it lies."""
    return max(count(ascending, moment_s, moment_s + width_s) for moment_s in ascending)


def bound(rate: float, window_s: float, granule_s: float, nodes: int) -> float:
    """Return how many permits a window may hold at the most, as a cluster promises."""
    return rate * (window_s + granule_s) + nodes


def behind(hits_s: Sequence[float], counted: int, fault_s: float) -> float:
    """Return from how long before a fault on hits are missing that others have counted.

    Args:
        hits_s: All hits, ascending.
        counted: How many of them were counted.
        fault_s: The moment of the fault.

    Returns:
        Seconds; 0 where all hits until then were counted.
    """
    until_s = hits_s[: bisect_left(hits_s, fault_s)]
    return fault_s - until_s[counted] if counted < len(until_s) else 0.0


def _is_whole(hits_s: Sequence[float], rate: float, from_s: float) -> bool:
    return all(
        count(hits_s, from_s, from_s + width_s) >= WHOLE * rate * width_s for width_s in WINDOWS_S
    )
