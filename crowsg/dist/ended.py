"""Users that ended on a node, numbered, so that each gets to the master just once."""

from collections.abc import Iterator, Sequence
from itertools import islice
from struct import Struct
from typing import Any, NamedTuple, get_args

from crowsg.dist.checked import garbled, items, truth, whole
from crowsg.metrics.lives import Life, Lives
from crowsg.users.counts import Outcome

MAX_LIVES = 20_000
"""Users that one snapshot tells of; a range of ids that never started counts as one."""

# A life: id, beginning, end, outcome. A range of ids: first, behind the last, nothing, "cancelled".
_ROW = Struct("<qqqB")
_OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
_CANCELLED = _OUTCOMES.index("cancelled")


class Ended(NamedTuple):
    """Users that ended on one node, in their order.

    Attributes:
        first: The number of the first of them.
        lives: Who they are; times in nanoseconds of that node's clock.
        has_more: Whether more have ended than these.
    """

    first: int
    lives: Sequence[Life | range]
    has_more: bool


NOBODY = Ended(0, (), False)


class EndedUsers:
    """Keeps the users of a node that ended until the master has them.

    Args:
        lives: Where they come from.
    """

    def __init__(self, lives: Lives) -> None:
        self._lives = lives
        self._kept: list[Life | range] = []
        self._first = 0

    def begin(self, *, keeps: bool) -> None:
        """Forget the last run, and keep those that end from now on, or none.

        Numbers go on: none that a master may still ask with stands for another user.
        """
        self._first += len(self._kept)
        self._kept = []
        if keeps:
            self._lives.keep()
        else:
            self._lives.discard()

    def as_plain(self, lives_from: int | None) -> Any:
        """Forget those before number ``lives_from``, and return the next; None: forget nobody."""
        self._kept += self._lives.take()
        wanted = self._first if lives_from is None else lives_from
        known = min(len(self._kept), max(0, wanted - self._first))
        del self._kept[:known]
        self._first += known
        told = islice(self._kept, MAX_LIVES)
        return [self._first, b"".join(map(_packed, told)), len(self._kept) > MAX_LIVES]


def ended(plain: Any) -> Ended:
    """Read what ``EndedUsers.as_plain`` made.

    Raises:
        NotPackable: It is garbled.
    """
    first, rows, has_more = items(plain, "lives", 3, 3)
    if type(rows) is not bytes or len(rows) % _ROW.size or len(rows) > MAX_LIVES * _ROW.size:
        raise garbled("lives", rows)
    return Ended(whole(first, "lives"), list(_unpacked(rows)), truth(has_more, "lives"))


def _packed(life: Life | range) -> bytes:
    if isinstance(life, range):
        return _ROW.pack(life.start, life.stop, 0, _CANCELLED)
    outcome = _OUTCOMES.index(life.outcome)
    return _ROW.pack(life.user_id, life.began_ns, life.ended_ns, outcome)


def _unpacked(rows: bytes) -> Iterator[Life | range]:
    for user_id, began_ns, ended_ns, outcome in _ROW.iter_unpack(rows):
        if outcome == _CANCELLED:
            yield range(user_id, began_ns)
        elif outcome < len(_OUTCOMES) and began_ns <= ended_ns:
            yield Life(user_id, began_ns, ended_ns, _OUTCOMES[outcome])
        else:
            raise garbled("a life", (user_id, began_ns, ended_ns, outcome))
