"""Calling a scenario's callbacks: each in its span, on its own greenlet, its failure told apart.

``start`` is the exception: it runs on the user's greenlet, so ``crowsg.users`` calls it.
"""

from collections.abc import Callable
from typing import Any, Literal

from greenlet import getcurrent

from crowsg.errors import ScenarioFailed
from crowsg.metrics.failures import describe
from crowsg.scenario.loading import Callback, Scenario
from crowsg.telemetry.bus import Bus
from crowsg.telemetry.span import Span, SpanEvents

Spawn = Callable[..., Any]
CallbackName = Literal["setup", "init", "terminate", "teardown"]


class Callbacks:
    """Runs ``setup``, ``init``, ``terminate`` and ``teardown``.

    Args:
        telemetry: Where the spans go.
        spawn: Starts a function on a greenlet of this node, so that facades work in it.
    """

    def __init__(self, telemetry: Bus, spawn: Spawn) -> None:
        self._telemetry = telemetry
        self._spawn = spawn
        self._greenlet: Any = None

    @property
    def are_calling(self) -> bool:
        """Whether whoever asks is a callback that runs right now."""
        return self._greenlet is not None and getcurrent() is self._greenlet

    def cancel(self) -> None:
        """Kill the callback that runs right now, if one does; it then counts as failed."""
        if self._greenlet is not None:
            self._greenlet.kill(block=False)

    def invoke(self, scenario: Scenario, name: CallbackName, *args: Any, **metadata: Any) -> Any:
        """Call a callback and return its result; None for one the scenario does not have.

        Args:
            scenario: The scenario.
            name: Which of its callbacks.
            args: What to call it with.
            metadata: What its span carries besides the scenario's name.

        Raises:
            ScenarioFailed: It raised, whatever it raised.

        Blocks: until it returns. A caller that is killed meanwhile takes the callback with it.
        Emits: the span ``scenario, <name>``.
        """
        callback = getattr(scenario, name)
        if callback is None:
            return None
        events = SpanEvents(self._telemetry, ("crowsg", "scenario", name))
        span = events.open({"scenario": scenario.name, **metadata})
        self._greenlet = greenlet = self._spawn(_in_span, span, callback, args, name)
        try:
            outcome = greenlet.get()
        finally:
            self._greenlet = None
            greenlet.kill(block=False)
        # Killed before its first step, a greenlet's result is the GreenletExit itself.
        returned, error = outcome if isinstance(outcome, tuple) else (None, outcome)
        if error is not None:
            raise ScenarioFailed(name, describe(error)) from error
        return returned


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
