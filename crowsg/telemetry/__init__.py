"""What happens on a node, told to whoever listens.

An event is a tuple of words, with *measurements* (numbers) and *metadata* (context). Handlers are
called as ``function(event, measurements, metadata, config)`` in the greenlet that emits; no order
among them is promised, and one that raises is detached and reported. Times are float seconds.

Every event of one node; ``execute`` events carry ``monotonic_time`` in the metadata:

=================================  ==================  =============================================
event                              measurements        metadata
=================================  ==================  =============================================
crowsg, scenario, init, *          span                scenario
crowsg, scenario, start, *         span                scenario, state, user_id
crowsg, scenario, terminate, *     span                scenario, state
crowsg, scenario, setup, *         span                scenario
crowsg, scenario, teardown, *      span                scenario
crowsg, controller, users          count               scenario, type (add or remove)
crowsg, controller, settings       count               scenario, names
crowsg, cluster, connect_nodes     count               nodes, state
crowsg, cluster, nodedown          count               nodes, state
crowsg, cluster, master_node_down  count               nodes, state
crowsg, cluster, deaf              count               nodes, state
crowsg, throttle, init             count 1             name
crowsg, throttle, rate             rate, interval (s)  name
crowsg, throttle, request          count 1             name
crowsg, throttle, execute          count 1             name
crowsg, throttle, failure          error 1             name, reason
crowsg, config, get                error 1             setting, reason
crowsg, config, verify             error 1             setting, reason, method
crowsg, config, env                error 1             setting, reason, method
crowsg, config, update             error 1             setting, reason
telemetry, handler, failure        error 1             handler_id, event, kind, reason, msg
=================================  ==================  =============================================

The interval is left out for an unlimited rate. What measures an error also carries ``log_level``.

A *span* is three events: ``start`` {monotonic_time, system_time}, then ``stop`` {duration,
monotonic_time} or ``exception`` {duration, monotonic_time} whose metadata adds kind, reason and
stacktrace. All three carry the same ``span_context``; the ``stop`` of a scenario callback adds
``return``, but for ``setup``, whose settings may be secret.

>>> def on_stop(event, measurements, metadata, config):
...     config.append(metadata["user_id"])
"""

from collections.abc import Iterable
from typing import Any

from crowsg.context import current_node
from crowsg.telemetry.bus import EventName, Handler, Measurements, Metadata
from crowsg.telemetry.span import Span, SpanEvents

__all__ = ["attach", "attach_many", "detach", "execute", "span"]


def attach(handler_id: str, event: EventName, function: Handler, config: Any = None) -> None:
    """Call ``function`` at every ``event`` of this node.

    Args:
        handler_id: Name of the handler, for ``detach``.
        event: The event, a tuple of words.
        function: Called as ``function(event, measurements, metadata, config)``.
        config: Handed to ``function`` unchanged.

    Raises:
        ValueError: A handler of that id listens to the event already.

    Blocks: never.
    Source: telemetry:attach/4.
    """
    current_node().telemetry.attach(handler_id, event, function, config)


def attach_many(
    handler_id: str, events: Iterable[EventName], function: Handler, config: Any = None
) -> None:
    """Call ``function`` at each of ``events`` of this node.

    Raises:
        ValueError: A handler of that id listens to one of them already; none is attached.

    Blocks: never.
    Source: telemetry:attach_many/4.
    """
    current_node().telemetry.attach_many(handler_id, events, function, config)


def detach(handler_id: str) -> bool:
    """Take the handler away from all its events; False when there was none.

    Blocks: never.
    Source: telemetry:detach/1.
    """
    return current_node().telemetry.detach(handler_id)


def execute(event: EventName, measurements: Measurements, metadata: Metadata | None = None) -> None:
    """Emit ``event`` on this node; every handler has run when this returns.

    Args:
        event: The event, a tuple of words.
        measurements: Numbers, by name.
        metadata: Context, by name; ``monotonic_time`` (s) is added.

    Blocks: only where a handler does.
    Source: telemetry:execute/3.
    """
    current_node().telemetry.execute(event, measurements, metadata)


def span(prefix: EventName, metadata: Metadata | None = None) -> Span:
    """Return a context manager that emits ``prefix`` + start, then stop or exception.

    What is put into its ``metadata`` inside the block goes out with the closing event.

    Blocks: only where a handler does.
    Source: telemetry:span/3, as a context manager.
    """
    return SpanEvents(current_node().telemetry, prefix).open(metadata or {})
