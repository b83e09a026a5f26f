"""The work of ``on_crowsg`` on greenlets alone: what gevent costs without crowsg."""

import gc
from collections.abc import Callable
from time import monotonic

import gevent
from gevent.event import Event

from contrib.benchmarks.sleepers import Sleepers, answer, rss

HOUR_S = 3600.0


class Stop(gevent.GreenletExit):  # type: ignore[misc]  # gevent is untyped
    """Asks a greenlet to end."""


class Greenlets:
    """Greenlets that have all taken their first step, and count their own ends.

    Args:
        count: How many.
        live: What each does, given its number from 0.
    """

    def __init__(self, count: int, live: Callable[[int], object]) -> None:
        self.all_ended = Event()
        all_stepped = Event()
        steps_left = lives_left = count

        # Not a method: a bound one costs each greenlet 200 bytes more.
        def step(number: int) -> None:
            nonlocal steps_left, lives_left
            steps_left -= 1
            if not steps_left:
                all_stepped.set()
            try:
                live(number)
            finally:
                lives_left -= 1
                if not lives_left:
                    self.all_ended.set()

        self.greenlets = [gevent.spawn(step, number) for number in range(count)]
        all_stepped.wait()

    def kill(self, error: type[BaseException] = gevent.GreenletExit) -> None:
        """Raise ``error`` in all that live; returns at once."""
        living = [greenlet for greenlet in self.greenlets if not greenlet.dead]
        gevent.killall(living, error, block=False)


def start(count: float) -> dict[str, float]:
    """Start idle greenlets, the collector as Python has it."""
    gevent.get_hub()
    before, from_s = rss(), monotonic()
    greenlets = Greenlets(int(count), lambda _: gevent.sleep(HOUR_S))
    took_s = monotonic() - from_s
    figures = {"started_per_s": count / took_s, "rss_per_user": (rss() - before) / count}
    _end(greenlets)
    return figures


def sleep(count: float, period_s: float, kept: float) -> dict[str, float]:
    """Let greenlets sleep in a loop, the collector as Python has it."""
    return _sleep(Sleepers(int(count), period_s, int(kept), gevent.sleep), int(count))


def sleep_frozen(count: float, period_s: float, kept: float) -> dict[str, float]:
    """Let greenlets sleep in a loop, all of them out of the collector's sight."""
    sleepers = Sleepers(int(count), period_s, int(kept), gevent.sleep)
    return _sleep(sleepers, int(count), gc.freeze)


def _sleep(
    sleepers: Sleepers, count: int, prepare: Callable[[], object] | None = None
) -> dict[str, float]:
    greenlets = Greenlets(count, sleepers.live)
    if prepare is not None:
        prepare()
    figures = sleepers.watch()
    _end(greenlets)
    return figures


def remove_ignoring(count: float, grace_s: float) -> dict[str, float]:
    """Ask and then kill greenlets that go on when asked, the collector switched off."""

    def ignore(_: int) -> None:
        try:
            gevent.sleep(HOUR_S)
        except Stop:
            gevent.sleep(HOUR_S)

    return _remove(int(count), ignore, grace_s)


def remove_obeying(count: float, grace_s: float) -> dict[str, float]:
    """Ask greenlets that end when asked, the collector switched off."""
    return _remove(int(count), lambda _: gevent.sleep(HOUR_S), grace_s)


def _remove(count: int, live: Callable[[int], object], grace_s: float) -> dict[str, float]:
    gc.disable()
    greenlets = Greenlets(count, live)
    from_s = monotonic()
    greenlets.kill(Stop)
    greenlets.all_ended.wait(grace_s)
    greenlets.kill()
    greenlets.all_ended.wait()
    return {"removed_in_s": monotonic() - from_s}


def _end(greenlets: Greenlets) -> None:
    gc.disable()
    greenlets.kill()
    greenlets.all_ended.wait()


if __name__ == "__main__":
    answer(
        {
            "start": start,
            "sleep": sleep,
            "sleep-frozen": sleep_frozen,
            "remove-ignoring": remove_ignoring,
            "remove-obeying": remove_obeying,
        }
    )
