"""Runs that were taken back before they came: one message may overtake another."""

from collections import OrderedDict

from crowsg.cluster.exchange import Sender
from crowsg.errors import Refused

MAX_MASTERS = 100


class Drops:
    """Remembers, of each master, the number of the last order by which it took back a run.

    Masters number such orders, and those that bring a run, in the order in which they give them.
    """

    def __init__(self) -> None:
        self._last: OrderedDict[tuple[str, int], int] = OrderedDict()

    def note(self, sender: Sender, number: object) -> None:
        """Note that a master took back what it had brought until then.

        Raises:
            Refused: ``number`` is none.
        """
        master = sender.name, sender.incarnation
        self._last[master] = max(_checked(number), self._last.get(master, 0))
        self._last.move_to_end(master)
        if len(self._last) > MAX_MASTERS:
            self._last.popitem(last=False)

    def refuse(self, sender: Sender, number: object) -> None:
        """Refuse a run that was taken back since.

        Raises:
            Refused: It was, or ``number`` is none.
        """
        if _checked(number) < self._last.get((sender.name, sender.incarnation), 0):
            raise Refused("stale", f"{sender.name} has taken back this run")


def _checked(number: object) -> int:
    if type(number) is not int:
        raise Refused("malformed", f"{number!r:.60} is no number of an order")
    return number
