"""What a run measures: operations that users do, counters, gauges, checks.

An *operation* is something users do that takes time. ``time`` counts and times it::

    with metrics.time("login") as operation:
        if not log_in():
            operation.fail("refused")

Each sample is ``ok``, ``failed`` with a kind, or ``interrupted`` by the end of its user. *Service
time* runs from the beginning of the block to its end. Where there was a moment at which the
operation should have begun (``since``), *response time* runs from there, so waiting in line counts.

At most 200 names of each kind are kept on a node, labels included, and 200 kinds of failure of an
operation; the rest goes to ``__other__``, and a warning says so. A name must not carry an id.
"""

from collections.abc import Iterable
from math import floor

from greenlet import getcurrent

from crowsg.context import KEY, NO_SCOPE, current_node, current_scope
from crowsg.errors import NoCurrentNode
from crowsg.metrics.declared import Kind
from crowsg.metrics.names import key_of
from crowsg.metrics.operation import Moment, Timing
from crowsg.text import line_of

__all__ = ["Timing", "check", "count", "declare", "gauge", "observe", "time"]


def time(name: str, since: Moment | None = None, **labels: object) -> Timing:
    """Return a context manager that counts and times one sample of an operation.

    An exception that leaves the block is a failure of its class; ``UserStop``, or a kill, makes the
    sample ``interrupted``. A soft stop of the user waits for the end of the block, at most
    ``stop_timeout`` seconds (half of it when the stop is forced).

    Args:
        name: Name of the operation.
        since: The moment it should have begun at, in seconds of ``time.monotonic()``, or anything
            that has it as ``due``; None: there was none.
        labels: What tells samples of one name apart; few values each.

    Raises:
        TypeError, ValueError: ``name`` is no short line of text, or ``since`` no moment.
        UserStop: On entering, where the user was asked to stop before: nothing new is begun.

    Blocks: never.
    """
    scope = current_scope()
    node = scope.node
    operation = node.recorder.operations[key_of(name, labels) if labels else name]
    return Timing(operation, node.clock.now_ns, since, scope.user)


def observe(
    name: str,
    seconds: float,
    response: float | None = None,
    failure: str = "",
    **labels: object,
) -> None:
    """Record one sample of an operation that was timed elsewhere.

    Args:
        name: Name of the operation.
        seconds: Its service time.
        response: Its response time in seconds, None where there was no intended moment; below 0
            it counts as 0, as with a moment that lies ahead of the end.
        failure: Kind of the failure, "" for none.
        labels: As for ``time``.

    Raises:
        TypeError: ``name`` is no text, or a time no number.
        ValueError: ``seconds`` is below 0, or a time is NaN.
        OverflowError: A time is infinite.

    Blocks: never.
    Source: amoc_metrics:update_time/2 of amoc-arsenal; in seconds.
    """
    # First what most samples are, with no step too many: it is called for each of them. The current
    # node is looked up in place, and built-in ``floor`` costs a third of ``int``.
    if response is None and not failure and not labels and seconds >= 0:
        try:
            node = getcurrent().spawn_tree_locals[KEY].node
        except NO_SCOPE:
            raise NoCurrentNode from None
        node.recorder.operations[name].ok.record(floor(seconds * 1e9))
        return
    if not seconds >= 0:
        raise ValueError(f"an operation took {seconds!r} s")
    operation = current_node().recorder.operations[key_of(name, labels)]
    response_ns = None if response is None else floor(response * 1e9)
    operation.record(floor(seconds * 1e9), failure and line_of(failure), response_ns)


def count(name: str, n: float = 1, **labels: object) -> None:
    """Add to a counter of this node.

    Args:
        name: Name of the counter.
        n: How much to add.
        labels: As for ``time``.

    Raises:
        TypeError: ``name`` is no text, or ``n`` no number.
        ValueError: ``n`` is below 0; what goes up and down is a gauge.

    Blocks: never.
    Source: amoc_metrics:update_counter/1,2 of amoc-arsenal.
    """
    current_node().recorder.count(name, n, labels)


def gauge(name: str, value: float, **labels: object) -> None:
    """Set a gauge of this node.

    Args:
        name: Name of the gauge.
        value: What it stands at from now on.
        labels: As for ``time``.

    Raises:
        TypeError: ``name`` is no text, or ``value`` no number.

    Blocks: never.
    Source: amoc_metrics:update_gauge/2 of amoc-arsenal.
    """
    current_node().recorder.gauge(name, value, labels)


def declare(kind: Kind, name: str, help: str, labels: Iterable[str] = ()) -> None:
    """Give a metric of the scenario a Prometheus series of its own; called in ``init``.

    ==========  ==================  ===============================================
    kind        series              without a declaration
    ==========  ==================  ===============================================
    counter     ``<name>_total``    ``crowsg_counter_total{name=}``
    gauge       ``<name>``          ``crowsg_gauge{name=}``
    operation   ``<name>_seconds``  ``crowsg_operation_duration_seconds{operation=}``
    ==========  ==================  ===============================================

    Samples must then carry just these labels. A counter or an operation without labels is there
    from the beginning, at 0. A declaration lasts as long as the run; the same again is harmless.

    Args:
        kind: ``"counter"``, ``"gauge"`` or ``"operation"``.
        name: Small letters, digits and ``_``; with a unit where there is one.
        help: What it tells, in a line.
        labels: Names of the labels of every sample.

    Raises:
        InvalidMetric: It cannot be declared like that, was declared otherwise, or has samples.

    Blocks: never.
    Source: amoc_metrics:init/2 of amoc-arsenal; there a must, here an offer.
    """
    current_node().recorder.declare(kind, name, help, labels)


def check(name: str, condition: object) -> bool:
    """Count whether something holds that should.

    Args:
        name: What should hold.
        condition: True or false, as Python takes it.

    Returns:
        Whether it holds.

    Raises:
        TypeError: ``name`` is no text.

    Blocks: never.
    """
    return current_node().recorder.check(name, condition)
