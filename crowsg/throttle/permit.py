"""What a throttle grants, and who holds the permits that come back."""

from collections.abc import Callable
from typing import Any, Self
from weakref import ref

from greenlet import getcurrent

from crowsg.clock import SECOND


class Permit:
    """Leave to do something once.

    On a parallel throttle it is a slot, which comes back at ``release``, at the end of a ``with``
    block, at the next ``wait`` of the same greenlet on that throttle, or when that greenlet ends.
    Elsewhere giving it back means nothing.

    Attributes:
        due: When it was due, in seconds of ``time.monotonic()``: never before it was asked for.
        late: How much later it was granted, in seconds.
    """

    __slots__ = ("_give_back", "due", "late")

    def __init__(
        self, due_ns: int, now_ns: int, give_back: Callable[[], object] | None = None
    ) -> None:
        self.due = due_ns / SECOND
        self.late = max(0, now_ns - due_ns) / SECOND
        self._give_back = give_back

    def release(self) -> None:
        """Give it back; only the first time counts.

        Blocks: never.
        """
        give_back, self._give_back = self._give_back, None
        if give_back is not None:
            give_back()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class Holders:
    """Which greenlet holds which slot of one throttle, so that none is lost with its holder."""

    def __init__(self) -> None:
        self._held: dict[int, Permit | None] = {}
        # By id, as long as the greenlet lives: a raw one tells nobody of its end, but is gone then.
        self._watched: dict[int, Any] = {}

    def hold(self, permit: Permit) -> None:
        """Let the running greenlet hold a permit until it waits again, or ends."""
        greenlet = getcurrent()
        key = id(greenlet)
        if key not in self._held:
            self._watch(greenlet, key)
        self._held[key] = permit

    def give_back(self) -> None:
        """Take back what the running greenlet holds, if anything."""
        permit = self._held.get(id(getcurrent()))
        if permit is not None:
            permit.release()

    def _watch(self, greenlet: Any, key: int) -> None:
        if hasattr(greenlet, "rawlink"):
            greenlet.rawlink(lambda _: self._end(key))
        else:
            self._watched[key] = ref(greenlet, lambda _: self._end(key))

    def _end(self, key: int) -> None:
        self._watched.pop(key, None)
        permit = self._held.pop(key, None)
        if permit is not None:
            permit.release()
