"""Which node, and which user, the running greenlet belongs to.

The answer is a frozen ``Scope`` in gevent's ``spawn_tree_locals``, which every descendant greenlet
inherits: children, pools, patched threads, RPC handlers. Only facades ask; services never do.
The dictionary is shared by reference along the tree, so it is replaced here, never changed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import gevent
from greenlet import getcurrent

from crowsg.errors import NoCurrentNode, NoCurrentUser

if TYPE_CHECKING:
    from crowsg.node import Node
    from crowsg.users.user import User

KEY = "crowsg"
"""Where the scope stands in a greenlet's tree, for the look-ups that are written out."""

# The main greenlet has no tree until it spawns; a tree outside of crowsg lacks the key, or is None.
NO_SCOPE = (AttributeError, KeyError, TypeError)
_P = ParamSpec("_P")
_R = TypeVar("_R")


@dataclass(frozen=True, slots=True)
class Scope:
    """The node a greenlet works for, and the user it is part of, if any."""

    node: "Node"
    user: "User | None" = None


def current_scope() -> Scope:
    """Return the scope of the running greenlet.

    Raises:
        NoCurrentNode: The greenlet descends from no node.
    """
    try:
        scope: Scope = getcurrent().spawn_tree_locals[KEY]
    except NO_SCOPE:
        raise NoCurrentNode from None
    return scope


def scope_of(greenlet: Any) -> Scope | None:
    """Return the scope of any greenlet, None for one that descends from no node."""
    try:
        scope: Scope = greenlet.spawn_tree_locals[KEY]
    except NO_SCOPE:
        return None
    return scope


def current_node() -> "Node":
    """Return the node of the running greenlet.

    Raises:
        NoCurrentNode: The greenlet descends from no node.
    """
    try:
        # Written out: every facade pays for this look-up.
        node: Node = getcurrent().spawn_tree_locals[KEY].node
    except NO_SCOPE:
        raise NoCurrentNode from None
    return node


def current_user() -> "User":
    """Return the user of the running greenlet.

    Raises:
        NoCurrentNode: The greenlet descends from no node.
        NoCurrentUser: It belongs to a node, but to no user.
    """
    user = current_scope().user
    if user is None:
        raise NoCurrentUser
    return user


def adopt(greenlet: Any, scope: Scope) -> None:
    """Make ``greenlet``, which has not started, and its descendants part of ``scope``."""
    greenlet.spawn_tree_locals = {KEY: scope}


@contextmanager
def node_context(node: "Node") -> Iterator[None]:
    """Make ``node`` the current one for this greenlet and what it spawns inside the block."""
    with _entered(Scope(node)):
        yield


@contextmanager
def _entered(scope: Scope) -> Iterator[None]:
    # A hub first made inside the block, here or in a native thread, would inherit its scope, and
    # every hub callback of every other node would then see this one.
    gevent.get_hub()
    current = getcurrent()
    missing = object()
    before = getattr(current, "spawn_tree_locals", missing)
    adopt(current, scope)
    try:
        yield
    finally:
        if before is missing:
            del current.spawn_tree_locals
        else:
            current.spawn_tree_locals = before


def bind(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Tie ``function`` to the current scope.

    For native threads and hub callbacks, which inherit none. Returns a function that behaves
    like ``function`` called here.
    """
    scope = current_scope()

    def bound(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with _entered(scope):
            return function(*args, **kwargs)

    return bound
