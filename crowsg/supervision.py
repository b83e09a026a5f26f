"""Keeps the loops of a node running: one that ends is told of, and begun anew.

A greenlet that dies takes nothing else with it, so a node whose dispatcher is gone looks well and
answers nobody. Here no end of such a loop goes unseen, and a node that cannot keep one alive ends.
"""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import gevent

from crowsg.clock import Clock, to_ns
from crowsg.text import line_of

PAUSE_S = 0.5
"""Seconds until a loop that has just died before begins anew; the first time there is no pause."""

DEATHS = 3
WITHIN_S = 60.0
"""So many deaths of one loop in so many seconds end the process."""

ROLL_CALL_S = 1.0

_LOGGER = logging.getLogger("crowsg")

# Meant for the greenlet, or for the whole program: noted, and not held back.
_NOT_OURS = (gevent.GreenletExit, KeyboardInterrupt, SystemExit)


@dataclass(frozen=True, slots=True)
class GreenletState:
    """How a loop of a node is.

    Attributes:
        name: What it does.
        is_running: Whether it runs now; one that died does so again within a second.
        deaths: How often it has ended although nobody had stopped it.
        last_error: Why it did so the last time; "" for never.
    """

    name: str
    is_running: bool
    deaths: int = 0
    last_error: str = ""


class Kept:
    """A loop that is to run until it is stopped.

    Attributes:
        name: What it does.
        error: What ended it, None where it returned or still runs.

    Args:
        run: The loop.
        spawn: Starts a function on a greenlet.
        on_end: Called in the hub with this when it has ended without being stopped.
    """

    def __init__(
        self,
        name: str,
        run: Callable[[], object],
        spawn: Callable[..., Any],
        on_end: Callable[["Kept"], object],
    ) -> None:
        self.name = name
        self.error: BaseException | None = None
        self._run = run
        self._spawn = spawn
        self._on_end = on_end
        self._greenlet: Any = None
        self._is_stopped = False
        self.begin()

    @property
    def is_running(self) -> bool:
        """Whether the loop runs now."""
        return not self._greenlet.ready()

    @property
    def is_stopped(self) -> bool:
        """Whether it was stopped, and so is not to run again."""
        return self._is_stopped

    def begin(self) -> None:
        """Run the loop, unless it was stopped."""
        if not self._is_stopped:
            self.error = None
            self._greenlet = self._spawn(self._live)
            # Also told of one that is killed before it has run at all.
            self._greenlet.rawlink(self._ended)

    def stop(self, wait_s: float = 0.0) -> None:
        """End the loop for good; one that calls this itself is not killed, but left to return.

        Args:
            wait_s: Seconds to wait for its end; 0: it ends when others get their turn.

        Blocks: until it has ended, for ``wait_s`` at the most.
        """
        self._is_stopped = True
        if self._greenlet is not gevent.getcurrent():
            self._greenlet.kill(block=wait_s > 0, timeout=wait_s)

    def _live(self) -> None:
        try:
            self._run()
        except BaseException as error:
            self.error = error
            if isinstance(error, _NOT_OURS):
                raise

    def _ended(self, greenlet: Any) -> None:
        if not self._is_stopped:
            # Killed before it ran, it had no chance to say so itself.
            if self.error is None and isinstance(greenlet.value, gevent.GreenletExit):
                self.error = greenlet.value
            self._on_end(self)


Keep = Callable[[str, Callable[[], object]], Kept]
"""Runs a loop under a name, for as long as it is not stopped; see ``Supervisor.keep``."""


class _History:
    """What became of the loops of one name."""

    def __init__(self, kept: Kept) -> None:
        self.kept = kept
        self.deaths = 0
        self.last_error = ""
        self._recent_ns: deque[int] = deque(maxlen=DEATHS)

    def note_death(self, why: str, now_ns: int) -> int:
        """Return how many of the last deaths, this one included, lie within ``WITHIN_S``."""
        self.deaths += 1
        self.last_error = why
        self._recent_ns.append(now_ns)
        return sum(now_ns - each_ns < to_ns(WITHIN_S) for each_ns in self._recent_ns)


class Supervisor:
    """Keeps loops running, and gives up when one of them dies again and again.

    Args:
        clock: Tells and waits.
        spawn: Starts a function on a greenlet of the node.
        end: Called once, with the reason, when a loop cannot be kept running; to end the process.
    """

    def __init__(
        self, clock: Clock, spawn: Callable[..., Any], end: Callable[[str], object]
    ) -> None:
        self._clock = clock
        self._spawn = spawn
        self._end = end
        self._is_ending = False
        self._histories: dict[str, _History] = {}

    def keep(self, name: str, run: Callable[[], object]) -> Kept:
        """Run a loop until it is stopped; whenever else it ends, it begins anew within a second.

        Three deaths of one name within 60 seconds end the process.

        Args:
            name: What it does; deaths are counted by it.
            run: The loop; called again after each death.

        Returns:
            What stops it.

        Raises:
            ValueError: One of this name runs already.

        Blocks: never.
        """
        history = self._histories.get(name)
        if history is not None and not history.kept.is_stopped:
            raise ValueError(f"a loop called {name!r} is kept already")
        kept = Kept(name, run, self._spawn, self._mourn)
        if history is None:
            self._histories[name] = _History(kept)
        else:
            history.kept = kept
        return kept

    def states(self) -> dict[str, GreenletState]:
        """Return how each loop is that is to run now, by name."""
        return {
            name: GreenletState(name, each.kept.is_running, each.deaths, each.last_error)
            for name, each in sorted(self._histories.items())
            if not each.kept.is_stopped
        }

    def close(self) -> None:
        """Stop all of them. Blocks: never."""
        for each in self._histories.values():
            each.kept.stop()

    def _mourn(self, kept: Kept) -> None:
        # On a greenlet: what is written may have to wait, and the hub must not.
        self._spawn(self._revive, kept)

    def _revive(self, kept: Kept) -> None:
        error, why = kept.error, _reason_of(kept.error)
        recent = self._histories[kept.name].note_death(why, self._clock.now_ns())
        if not self._is_ending and recent == 1:
            kept.begin()
        elif not self._is_ending and recent < DEATHS:
            self._clock.call_later(to_ns(PAUSE_S), kept.begin)
        _write_death(kept.name, why, error)
        if recent >= DEATHS and not self._is_ending:
            self._is_ending = True
            within = f"{DEATHS} times within {WITHIN_S:g} s"
            self._end(f"{kept.name} has died {within}, the last time: {why}")


def unsupervised(spawn: Callable[..., Any]) -> Keep:
    """Return a ``Keep`` that writes when a loop has ended, and leaves it at that."""

    def told(kept: Kept) -> None:
        spawn(_write_death, kept.name, _reason_of(kept.error), kept.error)

    return lambda name, run: Kept(name, run, spawn, told)


def call_roll(supervisor: Supervisor, clock: Clock, note: Callable[..., object]) -> NoReturn:
    """Note each second, as ``greenlets``, which loops run and which do not.

    Blocks: for ever.
    """
    while True:
        states = supervisor.states().values()
        down = [state.name for state in states if not state.is_running]
        note("greenlets", running=[each.name for each in states if each.is_running], down=down)
        clock.sleep(ROLL_CALL_S)


def _reason_of(error: BaseException | None) -> str:
    """Say in one line why a loop has ended; None where it returned."""
    if error is None:
        return "it returned"
    if isinstance(error, gevent.GreenletExit):
        return "it was killed"
    return f"{type(error).__name__}: {line_of(error)}".removesuffix(": ")


def _write_death(name: str, why: str, error: BaseException | None) -> None:
    """Write that a loop has died, with the traceback of what ended it."""
    _LOGGER.critical("the loop %s has died: %s", name, why, exc_info=error)
