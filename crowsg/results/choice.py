"""Which users get a row, so that no number of users fills a disk. Pure."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from crowsg.metrics.lives import Life

ONE_IN = 100


class Choice:
    """Chooses all users at first, and each time so many are chosen, a hundredth of those to come.

    With a million, the ``2**53`` users that a run can be asked for get less than six million rows.

    Args:
        most: How many are chosen before they become fewer.
        on_fewer: Called with (rows so far, n) when one user in n is chosen from here on.
    """

    def __init__(self, most: int, on_fewer: Callable[[int, int], object]) -> None:
        self._most = most
        self._on_fewer = on_fewer
        self._rows = 0
        self._one_in = 1
        self._skip = 0

    def of(self, lives: Iterable[Life | range]) -> Iterator[Life | int]:
        """Yield those chosen of the users that ended: lives, and ids of users never started."""
        for each in lives:
            users: Sequence[Life | int] = [each] if isinstance(each, Life) else each
            at = self._skip
            while at < len(users):
                self._count()
                yield users[at]
                at += self._one_in
            self._skip = at - len(users)

    def _count(self) -> None:
        if self._rows and self._rows % self._most == 0:
            self._one_in *= ONE_IN
            self._on_fewer(self._rows, self._one_in)
        self._rows += 1
