"""How a cluster stands, in plain words and numbers."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from crowsg.cluster.membership import Member
from crowsg.dist.crew import Hand


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """One node of a cluster.

    Attributes:
        name: Which node.
        address: Where others reach it.
        state: How the asked node, or the master, sees it: ``up``, ``suspect``, ...
        role: ``master``, ``worker`` or "" for one that takes no part.
        scenario_state: State of a worker's controller; "" for others.
        waiting, running: Its users.
        place: What blocks its event loop; "" for nothing.
    """

    name: str
    address: str
    state: str
    role: str = ""
    scenario_state: str = ""
    waiting: int = 0
    running: int = 0
    place: str = ""


def info_of(member: Member, hand: Hand | None) -> NodeInfo:
    """Return what is known of another node; ``hand`` is None for one that takes no part."""
    info = NodeInfo(member.name, member.address, member.state, place=member.place)
    if hand is None:
        return info
    return replace(
        info,
        role="worker",
        scenario_state=hand.state,
        waiting=hand.waiting,
        running=hand.running,
    )


@dataclass(frozen=True, slots=True)
class Overview:
    """A cluster.

    Attributes:
        state: ``idle``, ``running`` or ``stopped``.
        master: Name of the node that leads, or led, the run; "" before the first.
        run_id: Names the run that goes on; "" for none.
        scenario: Its scenario.
        users: What became of its users, by outcome.
        nodes: All nodes, by name.
    """

    state: str
    master: str
    run_id: str
    scenario: str
    users: Mapping[str, int]
    nodes: tuple[NodeInfo, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {**asdict(self), "nodes": [asdict(node) for node in self.nodes]}

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> "Overview":
        """Read what ``as_dict`` returned."""
        nodes = tuple(NodeInfo(**node) for node in plain["nodes"])
        return cls(**{**plain, "nodes": nodes})
