"""What names a user, on whatever node it lives."""

from typing import NamedTuple

Home = tuple[str, int]
"""A node's name and its incarnation: one life of a node."""


class Address(NamedTuple):
    """Where a user is to be found.

    ``began_ns`` tells it from the user of the same id in another run of the same node.
    """

    user_id: int
    began_ns: int
    node: str
    incarnation: int

    @property
    def home(self) -> Home:
        """The life of a node that the user belongs to."""
        return self.node, self.incarnation


class Reference:
    """A user, or what stands for one of another node; may be part of a message.

    Attributes:
        id: Positive, unique in the cluster, never used again within a run.
        began_ns: When its first step was taken, by the clock of its node; None before that.
    """

    __slots__ = ()

    id: int
    began_ns: int | None

    # By the id, so that a user and what stands for it elsewhere hash equal. Users compare by
    # identity among themselves; only what stands for one compares more.
    def __hash__(self) -> int:
        return self.id
