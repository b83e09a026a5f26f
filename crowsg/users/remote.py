"""What stands for a user of another node."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from crowsg.errors import NotSendable
from crowsg.users.reference import Address, Home, Reference


class Post(Protocol):
    """Carries messages to users of other nodes."""

    own: Home

    def send(self, receiver: Address, message: Any) -> None:
        """Send a message; see ``RemoteUser.send``."""


@dataclass(frozen=True, slots=True, eq=False)
class RemoteUser(Reference):
    """A user of another node, or one of this node that has ended already.

    It equals every other reference to the same user, and the user itself.

    Attributes:
        id: Positive, unique in the cluster, never used again within a run.
        began_ns: When its first step was taken, by the clock of its node.
        node: The name of its node.
        incarnation: Which life of that node.
        post: Carries the messages.
    """

    id: int
    began_ns: int
    node: str
    incarnation: int
    post: Post = field(repr=False)

    @property
    def address(self) -> Address:
        """Where the user is to be found."""
        return Address(self.id, self.began_ns, self.node, self.incarnation)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, RemoteUser):
            return self.address == other.address
        if isinstance(other, Reference):
            # An id is unique in the cluster within a run, so the node need not be compared.
            return (self.id, self.began_ns) == (other.id, other.began_ns)
        return NotImplemented

    __hash__ = Reference.__hash__

    def send(self, message: Any) -> None:
        """Send a message to the user's mailbox; what arrives equals what was sent.

        Messages from one node to another arrive in the order in which they were sent, each of
        them once. One to a user that has ended is dropped there, as on its own node.

        Args:
            message: As for ``User.send``.

        Raises:
            NotSendable: It could not arrive as it is.
            Unreachable: The node is not up, or too much waits to be sent there already.

        Blocks: never.
        """
        self.post.send(self.address, message)

    def refuse_to_stop(self) -> None:
        """Refuse to be stopped from here, unless there is nothing to stop.

        Raises:
            NotSendable: The user lives on another node, and a stop does not travel.
        """
        if self.address.home != self.post.own:
            raise NotSendable(
                f"user {self.id} lives on {self.node}: only users of this node can be stopped; "
                "send it a message that tells it to leave"
            )
