"""One user: its identity, its mailbox, its children, and how it is asked to stop."""

from collections.abc import Callable
from typing import Any

import gevent
from greenlet import getcurrent

from crowsg.clock import Clock, to_ns
from crowsg.users.mailbox import Mailbox
from crowsg.users.messages import copied
from crowsg.users.reference import Reference

_CHILD_GRACE_S = 0.5


class UserStop(gevent.GreenletExit):  # type: ignore[misc]  # gevent is untyped
    """Raised once in a user that is asked to stop, at its next blocking point.

    It may be caught to clean up, or to go on; ``users.current().stopping`` tells ever after.
    """


class User(Reference):
    """A user of the running scenario.

    A scenario has use for ``id``, ``due``, ``stopping`` and ``send``; the rest is for
    ``crowsg.users``.

    Attributes:
        id: Positive, unique in the cluster, never used again.
        due: When it was due to start, in seconds of ``time.monotonic()``: the moment that
            ``metrics.time(since=users.current())`` counts from.
        stopping: Whether it was asked to stop.
        stop_is_due: Whether it was asked, and ``UserStop`` has not been raised yet.
        failing: Whether a greenlet it spawned ended by an exception.
        kills: How often it was killed so far.
        began_ns: When its first step was taken, in nanoseconds of the clock; None before that.
        held: How many operations are going on that a stop waits for.
    """

    __slots__ = (
        "__weakref__",
        "_beat_ns",
        "_children",
        "_clock",
        "_greenlet",
        "_mailbox",
        "began_ns",
        "due",
        "failing",
        "held",
        "id",
        "kills",
        "stop_is_due",
        "stopping",
    )

    def __init__(self, user_id: int, clock: Clock, due: float = 0.0) -> None:
        self.id = user_id
        self.due = due
        self.stopping = False
        self.stop_is_due = False
        self.failing = False
        self.kills = 0
        self.began_ns: int | None = None
        self.held = 0
        self._clock = clock
        self._greenlet: Any = None
        self._mailbox: Mailbox | None = None
        self._children: set[Any] | None = None
        self._beat_ns: int | None = None

    def __repr__(self) -> str:
        return f"<User {self.id}>"

    def send(self, message: Any) -> None:
        """Put a message into the user's mailbox; what arrives equals what was sent.

        Args:
            message: None, bool, int of 64 bits, float, text, bytes, a user, or lists, tuples and
                dictionaries with text keys of these; up to 64 deep, 100 000 values, 4 MiB. A user
                of another node arrives as a reference to it, with ``id`` and ``send``, that equals
                every other one.

        Raises:
            NotSendable: Anything else.
            Unreachable: Only where this is a reference to a user of another node; see
                ``RemoteUser.send``.

        Blocks: never. A user that has ended never reads it.
        """
        self._mail().put(copied(message))

    def put(self, message: Any) -> None:
        """Put a message, of which nobody else holds a part, into the user's mailbox."""
        self._mail().put(message)

    def receive(self, timeout: float | None = None) -> Any:
        """Return the next message of the mailbox; see ``users.receive``."""
        return self._mail().take(timeout)

    def pace(self, seconds: float) -> None:
        """Wait for the next beat; see ``users.pace``."""
        now_ns = self._clock.now_ns()
        if self._beat_ns is None:
            self._beat_ns = now_ns
            return
        self._beat_ns += to_ns(seconds)
        if self._beat_ns > now_ns:
            self._clock.sleep((self._beat_ns - now_ns) / 1e9)
        else:
            self._beat_ns = now_ns

    def spawn(self, function: Callable[..., Any], *args: Any) -> Any:
        """Start a greenlet that ends with the user; see ``users.spawn``."""
        if self._children is None:
            self._children = set()
        child = gevent.Greenlet(function, *args)
        self._children.add(child)
        child.link(self._children.discard)
        child.link_exception(self._note_failure)
        child.start()
        return child

    def leave(self) -> None:
        """End as if the user's own code had raised ``UserStop``, from any of its greenlets."""
        if getcurrent() is not self._greenlet:
            self._interrupt(self._throw, UserStop())
        raise UserStop

    def begin(self, greenlet: Any) -> None:
        """Let ``greenlet`` be the user's own, and start it."""
        self._greenlet = greenlet
        greenlet.start()

    def end(self) -> None:
        """Let go of the greenlet, which is about to end: nothing reaches it any more."""
        # The greenlet knows its user too: a cycle for each user would be left to the collector.
        self._greenlet = None

    def ask_to_stop(self) -> None:
        """Raise ``UserStop`` in the user, at its next blocking point; only the first call does.

        In the middle of an operation it waits for the end of it, or for ``insist``.
        """
        if not self.stopping:
            self.stopping = self.stop_is_due = True
            self._interrupt(self._stop_unless_held)

    def insist(self) -> None:
        """Let a stop that is due wait no longer."""
        if self.stop_is_due:
            self._interrupt(self._stop)

    def refuse_to_begin(self) -> None:
        """Begin nothing that a stop would have to wait for when one is due already.

        Raises:
            UserStop: One is due, and nothing goes on that it waits for.
        """
        if self.stop_is_due and not self.held and getcurrent() is self._greenlet:
            self.stop_is_due = False
            raise UserStop

    def release(self) -> None:
        """Let a stop through that waited for an operation, at the next blocking point."""
        self._interrupt(self._stop_unless_held)

    def kill(self) -> None:
        """Throw ``GreenletExit`` into the user, at its next blocking point."""
        self.stopping = True
        self.kills += 1
        self._interrupt(self._throw, gevent.GreenletExit())

    def kill_here(self) -> None:
        """Do so, and kill what it spawned, before anybody else has a turn; called in the hub."""
        self.stopping = True
        self.kills += 1
        for child in list(self._children or ()):
            child.throw(gevent.GreenletExit())
        if self.began_ns is not None:
            self._throw(gevent.GreenletExit())

    def end_children(self) -> None:
        """Kill what the user spawned, again and again, until all of it is gone.

        Blocks: until then; a stop of the user meanwhile changes nothing, as it is ending already.
        """
        while self._children:
            children = list(self._children)
            try:
                gevent.killall(children, block=False)
                gevent.joinall(children, timeout=_CHILD_GRACE_S)
            except BaseException:  # noqa: BLE001 - a stop or a kill, see above
                continue

    def _mail(self) -> Mailbox:
        if self._mailbox is None:
            self._mailbox = Mailbox(self._clock)
        return self._mailbox

    def _note_failure(self, _: Any) -> None:
        self.failing = True

    def _interrupt(self, deliver: Callable[..., object], *args: Any) -> None:
        # Before its first step a throw would end the greenlet uncounted; the step itself looks.
        if self.began_ns is not None:
            gevent.get_hub().loop.run_callback(deliver, *args)

    def _stop_unless_held(self) -> None:
        # Judged here, on delivery: the user may have begun an operation since it was asked.
        if not self.held:
            self._stop()

    def _stop(self) -> None:
        if self.stop_is_due:
            self.stop_is_due = False
            self._throw(UserStop())

    def _throw(self, error: BaseException) -> None:
        if self._greenlet is not None:
            self._greenlet.throw(error)
