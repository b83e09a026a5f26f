"""Errors of one node, its facades and what it records."""

from collections.abc import Iterable

from crowsg.errors.base import CrowsgError


class NoCurrentNode(CrowsgError, LookupError):
    """A facade was called outside every node."""

    reason = "no_current_node"

    def __init__(self) -> None:
        super().__init__(
            "called outside a crowsg node; inside a native thread or a hub callback wrap the "
            "function with crowsg.context.bind"
        )


class NoCurrentUser(CrowsgError, LookupError):
    """A facade that needs a user was called on a node, but not by a user."""

    reason = "no_current_user"

    def __init__(self) -> None:
        super().__init__("called outside a user: only start and what it spawns run as one")


class NotPatched(CrowsgError):
    """A run was asked for in a process whose standard library still blocks."""

    reason = "not_patched"

    def __init__(self) -> None:
        super().__init__(
            "the standard library is not patched, so every user would block all others; put these "
            "two lines first in the program:\n"
            "    from gevent import monkey\n"
            "    monkey.patch_all()"
        )


class InvalidStatus(CrowsgError):
    """The controller is in a state that does not allow this call."""

    reason = "invalid_status"

    def __init__(self, status: str, call: str) -> None:
        self.status = status
        self.call = call
        super().__init__(f"{call} is not possible: the controller is {status}")


class InvalidRange(CrowsgError):
    """User ids were asked for that are not positive, not ascending or already given away."""

    reason = "invalid_range"

    def __init__(self, first_id: int, last_id: int, highest_id: int) -> None:
        self.first_id, self.last_id, self.highest_id = first_id, last_id, highest_id
        super().__init__(
            f"user ids {first_id} to {last_id}: they must be whole numbers, ascending, "
            f"at most 2**53, and above the highest id given away so far ({highest_id})"
        )


class InvalidCount(CrowsgError, ValueError):
    """A number of users that is no whole number, or below what is possible."""

    reason = "invalid_count"

    def __init__(self, count: object, least: int) -> None:
        super().__init__(f"a number of users is a whole number >= {least}, not {count!r:.60}")


class InvalidDuration(CrowsgError, ValueError):
    """A duration that is no number of seconds, or not above 0."""

    reason = "invalid_duration"

    def __init__(self, name: str, seconds: object) -> None:
        super().__init__(f"{name} is a number of seconds above 0, not {seconds!r:.60}")


class NotSendable(CrowsgError, TypeError):
    """A message holds something that could not arrive on another node as it was sent."""

    reason = "not_sendable"


class InvalidMetric(CrowsgError, ValueError):
    """A metric is declared or labelled in a way that no series can have; all reasons are told."""

    reason = "invalid_metric"

    def __init__(self, name: object, problems: Iterable[str]) -> None:
        self.name = name
        self.problems = tuple(problems)
        super().__init__(f"metric {name!r:.60}: " + "; ".join(self.problems))


class InvalidRequest(CrowsgError, ValueError):
    """A request that cannot be sent as it was asked for; nothing was counted."""

    reason = "invalid_request"


class NotJudged(CrowsgError, AttributeError):
    """A response was judged, or read, outside of the block it was judged in."""

    reason = "not_judged"


class HttpError(CrowsgError):
    """A request failed, and the caller wanted to hear of it.

    Attributes:
        kind: What it is counted under: ``status_404``, ``timeout``, ``refused``, ...
        status: That of the response, 0 where none came.
    """

    reason = "http_error"

    def __init__(self, request: str, kind: str, status: int, detail: str = "") -> None:
        self.kind, self.status = kind, status
        super().__init__(f"{request}: {kind}" + (f" ({detail})" if detail else ""))


class InvalidAddress(CrowsgError):
    """An address is none, or cannot be listened on."""

    reason = "invalid_address"

    def __init__(self, what: str, address: str, why: str, *, use: str = "listen on") -> None:
        self.address = address
        super().__init__(f"{what} cannot {use} {address}: {why}")


class ResultsError(CrowsgError):
    """The files of a run cannot be written; the text says where and why."""

    reason = "results"


class NodeError(CrowsgError):
    """A node cannot start in this process; the text says what to change."""

    reason = "node"
