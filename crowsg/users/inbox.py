"""Mail from the users of other nodes, put into the mailboxes of this node's."""

from collections.abc import Callable
from typing import Any

from crowsg.users.reference import Address, Reference
from crowsg.users.remote import Post, RemoteUser
from crowsg.users.user import User
from crowsg.users.wire import from_wire


class Inbox:
    """Takes each batch once, however often it comes.

    Args:
        post: Carries what is sent to users that messages refer to.
        find: Returns the living user of an id on this node.

    Attributes:
        dropped: Messages for users that had ended.
    """

    def __init__(self, post: Post, find: Callable[[int], User | None]) -> None:
        self.dropped = 0
        self._post = post
        self._find = find
        self._taken: dict[tuple[str, int], int] = {}

    def deliver(self, sender: str, incarnation: int, body: Any) -> None:
        """Put a batch of an ``Outbox`` into mailboxes, all of it or, when it is faulty, nothing.

        Args:
            sender: The node it comes from.
            incarnation: Which life of that node.
            body: ``number``, which grows from batch to batch, and ``mail``, a list of
                ``[user id, began_ns, message]``.

        Raises:
            ValueError: It is no such batch.

        Blocks: never; what was checked and what is done do not come apart.
        """
        number, mail = _opened(body)
        if number <= self._taken.get((sender, incarnation), 0):
            return
        letters = [self._letter(*entry) for entry in mail]
        self._taken[sender, incarnation] = number
        for receiver, message in letters:
            if receiver is None:
                self.dropped += 1
            else:
                receiver.put(message)

    def resolve(self, address: Address) -> Reference:
        """Return the user at an address: itself, or what stands for one of elsewhere or the past.

        Blocks: never.
        """
        if address.home == self._post.own:
            user = self._living(address.user_id, address.began_ns)
            if user is not None:
                return user
        return RemoteUser(*address, post=self._post)

    def _letter(self, user_id: int, began_ns: int, data: bytes) -> tuple[User | None, Any]:
        return self._living(user_id, began_ns), from_wire(data, self.resolve)

    def _living(self, user_id: int, began_ns: int) -> User | None:
        user = self._find(user_id)
        return user if user is not None and user.began_ns == began_ns else None


def _opened(body: Any) -> tuple[int, list[Any]]:
    if not isinstance(body, dict):
        raise ValueError("no batch of mail")
    number, mail = body.get("number"), body.get("mail")
    if type(number) is not int or number < 1 or not isinstance(mail, list):
        raise ValueError("a batch of mail without its number or its list")
    for entry in mail:
        if not isinstance(entry, list) or [type(part) for part in entry] != [int, int, bytes]:
            raise ValueError("a letter in a batch of mail that is none")
    return number, mail
