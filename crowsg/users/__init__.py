"""What the code of a user can ask for.

A user runs ``start`` once, on a greenlet of its own, in blocking style. It is asked to stop by
``UserStop``, raised once at its next blocking point: ``with`` blocks and ``finally`` clean up, and
whoever catches it may go on; ``users.current().stopping`` tells ever after. A forced stop is the
same, and a kill ``stop_timeout`` seconds later. However a user ends, it is counted exactly once.
"""

from collections.abc import Callable
from typing import Any

from crowsg.context import current_node, current_scope, current_user
from crowsg.users.remote import RemoteUser
from crowsg.users.user import User, UserStop

__all__ = ["RemoteUser", "User", "UserStop", "current", "pace", "receive", "sleep", "spawn", "stop"]


def current() -> User:
    """Return the user this greenlet belongs to.

    Raises:
        NoCurrentUser: It belongs to none, as in ``init``.

    Blocks: never.
    """
    return current_user()


def sleep(seconds: float) -> None:
    """Let others run for ``seconds``.

    Args:
        seconds: How long at the least; 0 only gives everybody else a turn.

    Blocks: for that long.
    """
    current_node().clock.sleep(seconds)


def pace(seconds: float) -> None:
    """Wait for the user's next beat.

    At the head of a loop it makes each round take ``seconds``: the first call returns at once,
    every other one ``seconds`` after the beat before, so the time that the work takes is part of
    it. A user that is late already goes on at once, and the beats are counted anew from there.

    Args:
        seconds: From one beat to the next.

    Raises:
        NoCurrentUser: Called by no user.

    Blocks: until the beat.
    """
    current_user().pace(seconds)


def receive(timeout: float | None = None) -> Any:
    """Return the next message somebody sent to this user.

    Args:
        timeout: Seconds to wait at the most; None waits for ever, 0 not at all.

    Raises:
        TimeoutError: None came.
        NoCurrentUser: Called by no user.

    Blocks: until a message is there.
    Source: the mailbox of amoc's user process.
    """
    return current_user().receive(timeout)


def spawn(function: Callable[..., Any], *args: Any) -> Any:
    """Run ``function(*args)`` beside the user, on a greenlet that is killed when the user ends.

    An exception of it is counted among the run's errors and makes the user's outcome ``failed``.

    Returns:
        The greenlet.

    Raises:
        NoCurrentUser: Called by no user.

    Blocks: never.
    """
    return current_user().spawn(function, *args)


def stop(user: User | RemoteUser | None = None, force: bool = False) -> None:
    """End a user of this node; no node stops the users of another one.

    Args:
        user: None, or the calling user itself, leaves at once: ``UserStop`` is raised here, in a
            greenlet of ``spawn`` in the user too, and the outcome is ``finished``. Any other is
            asked to stop, its outcome is ``removed``;
            one that has ended already is left alone.
        force: Kill the other user when it lives on ``stop_timeout`` seconds later.

    Raises:
        UserStop: The caller stopped itself.
        NoCurrentUser: No user was given and none is calling.
        NotSendable: The user lives on another node.

    Blocks: never.
    Source: amoc_user:stop/0,1,2.
    """
    if user is None or user is current_scope().user:
        current_user().leave()
    elif isinstance(user, RemoteUser):
        user.refuse_to_stop()
    else:
        current_node().crowd.stop(user, force)
