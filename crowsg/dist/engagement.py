"""A node's part in a run of another one."""

from dataclasses import dataclass

from crowsg.cluster.exchange import Peer, Sender


@dataclass(slots=True, eq=False)
class Engagement:
    """Whom a node works for, and in which run.

    Attributes:
        master: For whom.
        run: In which run.
        number: Of the order that let it take part, by which its parts in one run differ.
        begun_ns: When ``init`` had returned; None before.
    """

    master: Peer
    run: str
    number: int
    begun_ns: int | None = None

    def is_of(self, sender: Sender) -> bool:
        """Whether a message belongs to the run, and comes from its master."""
        master = self.master.name, self.master.incarnation
        return (self.run, *master) == (sender.run, sender.name, sender.incarnation)
