"""Calling a scenario's callbacks: each in its span, on its own greenlet, its failure told apart.

``start`` is the exception: it runs on the user's greenlet, so ``crowsg.users`` calls it.
"""

from collections.abc import Callable
from typing import Any

from crowsg.errors import ScenarioFailed
from crowsg.metrics.failures import describe
from crowsg.scenario.loading import Callback
from crowsg.telemetry.bus import Bus, Metadata
from crowsg.telemetry.span import SpanEvents

Spawn = Callable[..., Any]


class Callbacks:
    """Runs ``setup``, ``init``, ``terminate`` and ``teardown``.

    Args:
        telemetry: Where the spans go.
        spawn: Starts a function on a greenlet of this node, so that facades work in it.
    """

    def __init__(self, telemetry: Bus, spawn: Spawn) -> None:
        self._telemetry = telemetry
        self._spawn = spawn

    def call(self, name: str, callback: Callback | None, metadata: Metadata, *args: Any) -> Any:
        """Call ``callback(*args)`` and return its result; None for a missing callback.

        Raises:
            ScenarioFailed: It raised, whatever it raised.

        Blocks: until it returns. A caller that is killed meanwhile takes the callback with it.
        Emits: the span ``scenario, <name>``.
        """
        if callback is None:
            return None
        events = SpanEvents(self._telemetry, ("crowsg", "scenario", name))
        greenlet = self._spawn(_in_span, events, callback, metadata, args)
        try:
            outcome = greenlet.get()
        finally:
            greenlet.kill(block=False)
        # Killed before its first step, a greenlet's result is the GreenletExit itself.
        returned, error = outcome if isinstance(outcome, tuple) else (None, outcome)
        if error is not None:
            raise ScenarioFailed(name, describe(error)) from error
        return returned


def _in_span(
    events: SpanEvents, callback: Callback, metadata: Metadata, args: tuple[Any, ...]
) -> tuple[Any, BaseException | None]:
    try:
        with events.open(metadata) as span:
            span.metadata["return"] = returned = callback(*args)
    except BaseException as error:  # noqa: BLE001 - sys.exit here must not end the node
        return None, error
    return returned, None
