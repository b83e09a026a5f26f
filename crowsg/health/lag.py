"""How late the event loop wakes what is due: the delay that every user of the node sees."""

from collections.abc import Callable

from crowsg.clock import SECOND, Clock, to_ns
from crowsg.metrics.histogram import Histogram
from crowsg.supervision import Keep, Kept

TICK_S = 0.05
_MAX_REPEATS = 1000


class LoopLag:
    """A greenlet that sleeps 50 ms and looks how much longer it took.

    Args:
        clock: Tells and waits.
        keep: Keeps a loop of the node running.
        on_tick: Called at every look with the time of now, in nanoseconds.
    """

    def __init__(self, clock: Clock, keep: Keep, on_tick: Callable[[int], object]) -> None:
        self._clock = clock
        self._keep = keep
        self._on_tick = on_tick
        self._ticking: Kept | None = None
        self._due_ns = 0
        self._worst_ns = 0
        self.lags = Histogram()

    def start(self) -> None:
        """Begin to tick."""
        if self._ticking is None:
            self._ticking = self._keep("loop lag", self._tick)
            self._due_ns = self._clock.now_ns() + to_ns(TICK_S)
            self.look()

    def stop(self) -> None:
        """Tick no more."""
        if self._ticking is not None:
            self._ticking.stop()
            self._ticking = None

    def look(self) -> None:
        """Note how late the next tick is by now, if it is; nothing is noted twice.

        Whom the loop wakes first after it stood still may ask before the tick has come.
        """
        if self._ticking is None:
            return
        now_ns = self._clock.now_ns()
        if now_ns >= self._due_ns:
            self._note(now_ns - self._due_ns)
            self._due_ns = now_ns + to_ns(TICK_S)
        self._on_tick(now_ns)

    def take_worst(self) -> float:
        """Return the longest lag since the last call, in seconds."""
        worst_ns, self._worst_ns = self._worst_ns, 0
        return worst_ns / SECOND

    def _tick(self) -> None:
        while True:
            self._clock.sleep(TICK_S)
            self.look()
            self._due_ns = self._clock.now_ns() + to_ns(TICK_S)

    def _note(self, lag_ns: int) -> None:
        self._worst_ns = max(self._worst_ns, lag_ns)
        # A loop that stood still for a second delays whatever falls due within it, by less and
        # less: counted as one late tick among twenty a second, it would hardly show.
        for lag in range(lag_ns, -1, -to_ns(TICK_S))[:_MAX_REPEATS]:
            self.lags.record(lag)
