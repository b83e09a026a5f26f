"""Rates that scenario code waits on, changeable while it runs.

A throttle grants permits at a rate. It belongs to the run: started in ``init`` of the scenario, it
ends with it. Rates are spelled as everywhere (``Rate.of``): ``100`` a minute, ``"50/s"``,
``"10 parallel"``, ``"infinity"``, ``0``; a ``Ramp`` leads from one to another::

    def init():
        throttle.start("greetings", "100/min")

    def start(user_id):
        while True:
            permit = throttle.wait("greetings")
            with metrics.time("greeting", since=permit):
                greet()

**What is promised.** With the granule g = 10 ms, in every window W the permits granted are at most
``rate x W + rate x g + n``, where n nodes grant; a window of the interval itself, where that is 5 s
or more, never holds more than ``rate + n - 1``, on one node never more than the rate. Idle time
earns no burst. Time in which the loop stood still is not made up, but counted as lost; over the
rest, while permits are wanted, the mean is at least 99.5 % of the rate. A waiter that is removed or
dies uses up no permit, and no slot of a parallel throttle is lost, however its holder ends.

**Over several nodes** a throttle is one: its rate, its slots, its pauses and ramps are of the whole
run, whoever asks. The run's master divides it by who wants how much; a node that does not hear from
it for 300 ms grants nothing. A throttle can be waited on wherever it was started. On a worker,
whatever is said here to change or to start one asks the master, and blocks until it has answered;
``info`` has the counts of this node, and the rate as this node heard of it last.

**Closed and open models.** ``wait`` in a loop is a closed model: each user asks again when it is
done, so a slow server slows the load, and a permit is never due before it was asked for. Only
``arrivals`` measures from the schedule: calls begin when they are due, whatever became of those
before, and response times run from there.
"""

from collections.abc import Callable
from typing import Any, Literal

from crowsg.context import current_node, current_scope, current_user
from crowsg.rate import Ramp
from crowsg.throttle.info import ThrottleInfo
from crowsg.throttle.permit import Permit

__all__ = [
    "Permit",
    "ThrottleInfo",
    "arrivals",
    "change_rate",
    "info",
    "pause",
    "ramp",
    "resume",
    "run",
    "send",
    "start",
    "stop",
    "unlock",
    "wait",
]


def start(name: str, rate: object) -> Literal["started", "already_started"]:
    """Start a throttle, or find that the run has declared it the same.

    Args:
        name: Name of the throttle.
        rate: Any spelling of a rate, or a ``Ramp``, which begins at once.

    Returns:
        ``"started"`` or ``"already_started"``: the rate then stays as it is by now.

    Raises:
        InvalidThrottle: ``rate`` or ``name`` is none.
        WrongReconfiguration: It was declared otherwise; not on a node that joined later, where what
            the run declared stands.

    Blocks: on a worker until the master has answered, otherwise never.
    Emits: ``throttle, init`` and ``throttle, rate`` on the node that owns the run, where the
        throttle is started.
    Source: amoc_throttle:start/2; unlike there it compares with what was declared, a ramp is a
        declaration too, interval 0 is a real limit of what runs in parallel, and interarrivals of
        any length are kept exactly.
    """
    return current_node().throttles.start(name, rate)


def wait(name: str) -> Permit:
    """Wait for a permit.

    Args:
        name: Name of the throttle.

    Returns:
        The permit. On a parallel throttle it is a slot, see ``Permit``.

    Raises:
        NoSuchThrottle: It does not run.
        ThrottleStopped: It was stopped meanwhile.

    Blocks: until a permit is due, in the order of arrival.
    Emits: ``throttle, request``, then ``throttle, execute``.
    Source: amoc_throttle:wait/1; unlike there a waiter that dies uses up no permit.
    """
    return current_node().throttles.wait(name)


def run(name: str, function: Callable[..., Any], *args: Any) -> None:
    """Call ``function(*args)`` at the next permit, on a greenlet of its own.

    On a parallel throttle its slot comes back when the function ends. What it raises is counted
    among the errors of the run and told to the calling user as a message
    ``("throttle_failed", name, reason)``.

    Args:
        name: Name of the throttle.
        function: What to call; it ends with the calling user, if a user calls.
        args: What to call it with.

    Raises:
        NoSuchThrottle: It does not run.

    Blocks: as ``info``.
    Emits: ``throttle, request``, then ``throttle, execute``; ``throttle, failure`` when it raises.
    Source: amoc_throttle:run/2; there a failing function reaches the caller as an exit signal, and
        functions that go on hold up later permits on every throttle, not only on parallel ones.
    """
    current_node().actions.run(current_scope().user, name, function, args)


def send(name: str, message: Any, to: Any = None) -> None:
    """Send a message at the next permit.

    Args:
        name: Name of the throttle.
        message: As for ``User.send``.
        to: The user it is for, None for the calling one.

    Raises:
        NoSuchThrottle: It does not run.
        NoCurrentUser: No receiver was given and no user is calling.
        NotSendable: The message could not arrive as it is.

    Blocks: as ``info``.
    Emits: As ``run``.
    Source: amoc_throttle:send/2,3.
    """
    receiver = current_user() if to is None else to
    current_node().actions.send(current_scope().user, name, receiver, message)


def arrivals(name: str, function: Callable[[Permit], object], *, max_in_flight: int) -> None:
    """Call ``function(permit)`` at each permit, however long the calls before take: an open model.

    Each call is an operation of the throttle's name, with its service time and its response time
    from the moment it was due. A permit that finds ``max_in_flight`` calls going on is dropped and
    counted (``dropped``), never queued; without a schedule, at an unlimited or a parallel rate, it
    is waited for a call to end instead. What a call raises is a failure of its class.

    Args:
        name: Name of the throttle.
        function: Called on a greenlet that ends with the calling user.
        max_in_flight: Calls that may go on at once, at least 1.

    Raises:
        NoSuchThrottle: It does not run.
        NoCurrentUser: Called by no user.
        InvalidCount: ``max_in_flight`` is no whole number >= 1.
        ThrottleStopped: It was stopped.

    Blocks: until the user is asked to stop; then no call begins any more, and those going on have
        ``stop_timeout`` to end.
    Emits: As ``wait``.
    """
    node = current_node()
    node.arrivals(name, current_user(), max_in_flight).drive(name, function)


def change_rate(name: str, rate: object) -> None:
    """Set the rate, from the next permit on; those who wait keep their place.

    Args:
        name: Name of the throttle.
        rate: Any spelling of a rate. 0 grants nothing.

    Raises:
        NoSuchThrottle: It does not run.
        CannotChangeRate: A ramp is running.
        InvalidThrottle: ``rate`` is none.

    Blocks: until it is in force on every node, 0.4 s where one is silent; on a lone node never.
    Emits: ``throttle, rate``, unless it is the same.
    Source: amoc_throttle:change_rate/2; unlike there every waiter is reached, and a paused throttle
        stays paused.
    """
    current_node().throttles.change_rate(name, rate)


def ramp(name: str, ramp: Ramp) -> None:
    """Begin a ramp: its first rate at once, its last exactly.

    Args:
        name: Name of the throttle.
        ramp: Where it leads; the same one again while it runs changes nothing.

    Raises:
        NoSuchThrottle: It does not run.
        CannotChangeRate: Another ramp is running.
        InvalidThrottle: ``ramp`` is none.

    Blocks: on a worker until the master has answered, otherwise never.
    Emits: ``throttle, rate`` at each step.
    Source: amoc_throttle:change_rate_gradually/2; unlike there a pause survives its steps.
    """
    current_node().throttles.ramp(name, ramp)


def pause(name: str) -> None:
    """Grant nothing until ``resume``; changes of the rate and ramps go on behind it.

    Raises:
        NoSuchThrottle: It does not run.

    Blocks: until it is in force on every node, 0.4 s where one is silent; on a lone node never.
    Source: amoc_throttle:pause/1; unlike there again and again is the same as once.
    """
    current_node().throttles.pause(name)


def resume(name: str) -> None:
    """Go on after ``pause``, at the rate that was set last.

    Raises:
        NoSuchThrottle: It does not run.

    Blocks: on a worker until the master has answered, otherwise never.
    Source: amoc_throttle:resume/1.
    """
    current_node().throttles.resume(name)


def unlock(name: str) -> None:
    """Lift the limit.

    Raises:
        NoSuchThrottle: It does not run.
        CannotChangeRate: A ramp is running.

    Blocks: as ``change_rate``.
    Emits: ``throttle, rate``.
    Source: amoc_throttle:unlock/1.
    """
    current_node().throttles.unlock(name)


def stop(name: str) -> None:
    """End a throttle: those who wait get ``ThrottleStopped``, a ramp ends where it is.

    Raises:
        NoSuchThrottle: It does not run.

    Blocks: on a worker until the master has answered, otherwise never.
    Source: amoc_throttle:stop/1.
    """
    current_node().throttles.stop(name)


def info(name: str) -> ThrottleInfo:
    """Return a throttle as it stands.

    Raises:
        NoSuchThrottle: It does not run.

    Blocks: on a worker that has not used it yet until the master has answered, otherwise never.
    Source: amoc_throttle:get_info/1; unlike there an unknown name harms nobody.
    """
    return current_node().throttles.info(name)
