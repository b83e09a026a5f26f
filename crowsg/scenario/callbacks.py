"""Calling a scenario's callbacks: each in its span, on its own greenlet, its failure told apart.

``start`` is the exception: it runs on the user's greenlet, so ``crowsg.users`` calls it.
"""

from collections.abc import Callable
from typing import Any, Literal

import gevent
from gevent.event import Event
from greenlet import getcurrent

from crowsg.clock import Clock, to_ns
from crowsg.errors import ScenarioFailed
from crowsg.metrics.failures import describe
from crowsg.scenario.loading import Callback, Scenario
from crowsg.telemetry.bus import Bus
from crowsg.telemetry.span import Span, SpanEvents

Spawn = Callable[..., Any]
CallbackName = Literal["setup", "init", "terminate", "teardown"]

_DEATH_S = 1.0


class Callbacks:
    """Runs ``setup``, ``init``, ``terminate`` and ``teardown``.

    Args:
        telemetry: Where the spans go.
        clock: Tells when one has taken too long.
        spawn: Starts a function on a greenlet of this node, so that facades work in it.
    """

    def __init__(self, telemetry: Bus, clock: Clock, spawn: Spawn) -> None:
        self._telemetry = telemetry
        self._clock = clock
        self._spawn = spawn
        self._greenlet: Any = None
        self._limit_s = 0.0

    def patience_s(self) -> float:
        """Return the seconds that the callback which runs now may take, 0 where none does."""
        return self._limit_s

    @property
    def are_calling(self) -> bool:
        """Whether whoever asks is a callback that runs right now."""
        return self._greenlet is not None and getcurrent() is self._greenlet

    def cancel(self) -> None:
        """Kill the callback that runs right now, if one does; it then counts as failed."""
        if self._greenlet is not None:
            self._greenlet.kill(block=False)

    def invoke(
        self, scenario: Scenario, name: CallbackName, limit_s: float, *args: Any, **metadata: Any
    ) -> Any:
        """Call a callback and return its result; None for one the scenario does not have.

        Args:
            scenario: The scenario.
            name: Which of its callbacks.
            limit_s: Seconds it may take; it is killed then, and left behind if it survives that.
            args: What to call it with.
            metadata: What its span carries besides the scenario's name.

        Raises:
            ScenarioFailed: It raised, whatever it raised, or took too long.

        Blocks: until it returns, for a second more than its limit at the most. A caller that is
            killed meanwhile takes the callback with it.
        Emits: the span ``scenario, <name>``.
        """
        callback = getattr(scenario, name)
        if callback is None:
            return None
        events = SpanEvents(self._telemetry, ("crowsg", "scenario", name))
        span = events.open({"scenario": scenario.name, **metadata})
        self._greenlet = greenlet = self._spawn(_in_span, span, callback, args, name)
        self._limit_s = limit_s
        try:
            if not self._ends_within(greenlet, limit_s):
                greenlet.kill(block=False)
                self._ends_within(greenlet, _DEATH_S)
                raise ScenarioFailed(name, f"it took longer than {limit_s:g} s")
            outcome = greenlet.get()
        finally:
            self._greenlet, self._limit_s = None, 0.0
            greenlet.kill(block=False)
        # Killed before its first step, a greenlet's result is the GreenletExit itself.
        returned, error = outcome if isinstance(outcome, tuple) else (None, outcome)
        if error is not None:
            raise ScenarioFailed(name, describe(error)) from error
        return returned

    def _ends_within(self, greenlet: Any, seconds: float) -> bool:
        is_over = Event()
        timer = self._clock.call_later(to_ns(seconds), is_over.set)
        try:
            gevent.wait([greenlet, is_over], count=1)
        finally:
            timer.cancel()
        return bool(greenlet.ready())


def _in_span(
    span: Span, callback: Callback, args: tuple[Any, ...], name: CallbackName
) -> tuple[Any, BaseException | None]:
    try:
        with span:
            returned = callback(*args)
            # What setup returns are settings, and some of them may be secret.
            if name != "setup":
                span.metadata["return"] = returned
    except BaseException as error:  # noqa: BLE001 - sys.exit here must not end the node
        return None, error
    return returned, None
