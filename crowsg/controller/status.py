"""A node's state in words and numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from crowsg.supervision import GreenletState
from crowsg.throttle.info import ThrottleInfo
from crowsg.users.counts import UserCounts

State = Literal["idle", "running", "terminating", "finished", "error", "disabled"]


@dataclass(frozen=True, slots=True)
class Status:
    """What a node is doing.

    Attributes:
        state: State of its controller.
        scenario: The scenario of the current or last run, None before the first.
        users: The users of that run on this node.
        highest_user_id: The highest id given away in that run, 0 for none.
        reason: Why the state is ``error``, otherwise empty.
        settings: The settings of that run, secrets masked.
        throttles: The throttles of that run, by name; those that have ended as they then stood.
        greenlets: The node's own loops, by what they do: whether each runs, and how often it died;
            without those that are not needed just now.
    """

    state: State
    scenario: str | None
    users: UserCounts
    highest_user_id: int
    reason: str
    settings: dict[str, Any]
    throttles: Mapping[str, ThrottleInfo] = field(default_factory=dict)
    greenlets: Mapping[str, GreenletState] = field(default_factory=dict)
