"""The verbs of a cluster, whichever of its nodes they are asked of.

The node that is asked to ``do`` becomes the master. A node that works for another passes every
other verb on to its master; so does whoever is called by a command line.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from crowsg.cluster.exchange import Exchange, Sender
from crowsg.cluster.members import Members
from crowsg.code.server import CodeServer
from crowsg.controller.life_cycle import ScenarioReference
from crowsg.controller.machine import MAX_USER_ID, check_count
from crowsg.dist.asking import ask_all
from crowsg.dist.greenlets import Greenlets
from crowsg.dist.orders import CALL_S
from crowsg.dist.master import Master
from crowsg.dist.overview import NodeInfo, Overview
from crowsg.dist.run_settings import packed, unpacked
from crowsg.dist.steering import Nodes, Steering
from crowsg.dist.worker import Worker
from crowsg.errors import BadNodes, CrowsgError, InvalidRange, NoSuchScenario, Refused

FORWARD_S = 900.0
"""Seconds a master may take for what is passed on to it: ``init`` and the end of users included."""


class Dist:
    """What ``crowsg.dist`` forwards to.

    Args:
        exchange, members: How the others are reached.
        master, steering: The runs that this node leads.
        worker: The runs of others that it takes part in.
        code: The code it can bring to others.
        greenlets: How the loops of all nodes are.
        spawn: Starts a function on a greenlet of this node.
    """

    def __init__(
        self,
        exchange: Exchange,
        members: Members,
        master: Master,
        steering: Steering,
        worker: Worker,
        code: CodeServer,
        greenlets: Greenlets,
        spawn: Callable[..., Any],
    ) -> None:
        self._exchange = exchange
        self._members = members
        self._master = master
        self._steering = steering
        self._worker = worker
        self._code = code
        self._spawn = spawn
        self._verbs: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
            "do": lambda told: self.do(
                _module(told["scenario"]), told["count"], unpacked(told["settings"])
            ),
            "add": lambda told: self.add(told["count"], told["nodes"]),
            "remove": lambda told: self.remove(told["count"], bool(told["force"]), told["nodes"]),
            "update_settings": lambda told: self.update_settings(
                unpacked(told["settings"]), told["nodes"]
            ),
            "stop": lambda told: self.stop(),
            "distribute": lambda told: self.distribute(_module(told["name"])),
            "overview": lambda told: self.overview().as_dict(),
            "greenlets": lambda told: greenlets.of_all(),
            "own_overview": lambda told: self._master.overview().as_dict(),
        }

    def register(self) -> None:
        """Answer other nodes and command lines."""
        self._exchange.answer("dist", self._answer)

    def do(
        self, scenario: ScenarioReference, count: int, settings: Mapping[str, Any] | None = None
    ) -> dict[str, int]:
        """Start a scenario on all other nodes; see ``crowsg.dist.do``."""
        check_count(count, least=0)
        if count > MAX_USER_ID:
            raise InvalidRange(1, count, 0)
        workers = self._master.start(str(uuid.uuid4()), scenario, settings or {})
        self._master.pulls_itself = True
        return self._steering.add(count) if count else dict.fromkeys(workers, 0)

    def add(self, count: int, nodes: Nodes = None) -> dict[str, int]:
        """Add users; see ``crowsg.dist.add``."""
        if self._worker.service is not None:
            return self._forward("add", {"count": count, "nodes": _listed(nodes)})
        return self._steering.add(count, _listed(nodes))

    def remove(self, count: int, force: bool = False, nodes: Nodes = None) -> dict[str, int]:
        """End users; see ``crowsg.dist.remove``."""
        if self._worker.service is not None:
            told = {"count": count, "force": force, "nodes": _listed(nodes)}
            return self._forward("remove", told)
        return self._steering.remove(count, force, _listed(nodes))

    def update_settings(self, settings: Mapping[str, Any], nodes: Nodes = None) -> dict[str, str]:
        """Change settings; see ``crowsg.dist.update_settings``."""
        if self._worker.service is not None:
            told = {"settings": packed(settings), "nodes": _listed(nodes)}
            return self._forward("update_settings", told)
        return self._steering.update_settings(settings, _listed(nodes))

    def stop(self) -> dict[str, str]:
        """End the run, the second time at once; see ``crowsg.dist.stop``."""
        if self._worker.service is not None:
            return self._forward("stop", {})
        if self._master.is_ending:
            self._master.kill_users()
        else:
            self._master.stop()
        self._master.over.wait()
        return self._master.crew.states()

    def state(self) -> str:
        """Return the state of the cluster; see ``crowsg.dist.state``."""
        return self.overview().state

    def nodes(self) -> tuple[NodeInfo, ...]:
        """Return the nodes; see ``crowsg.dist.nodes``."""
        return self.overview().nodes

    def overview(self) -> Overview:
        """Return how the cluster stands, as the master of its run, or of its last one, knows it.

        Raises:
            Unreachable: This node works for a master that does not answer.

        Blocks: while the master is asked.
        """
        if self._worker.service is not None:
            return Overview.read(self._forward("overview", {}))
        return self._told_by_the_last_master() or self._master.overview()

    def distribute_code(self, nodes: Nodes = None) -> dict[str, dict[str, str]]:
        """Bring all marked code to nodes; see ``crowsg.code.distribute``."""
        up = [member.name for member in self._members.up()]
        strangers = [name for name in nodes or () if name not in up]
        if strangers:
            raise BadNodes(strangers, up)
        chosen = [name for name in up if nodes is None or name in nodes]
        return ask_all(self._spawn, chosen, self._bring_code).required("distribute")

    def distribute(self, name: str) -> dict[str, dict[str, str]]:
        """Mark code that is here for distribution, and bring it to all other nodes.

        Raises:
            NoSuchScenario, CodeRefused: As ``crowsg.code.add_module``.
            PartialFailure: Some nodes refused it.

        Blocks: until every node has it.
        """
        here = {self._exchange.identity.name: {self._code.add_module(name): "known"}}
        return {**here, **self.distribute_code()}

    def _bring_code(self, node: str) -> dict[str, str]:
        peer = self._members.peer(node)
        return self._code.distribute_to(
            lambda method, body: self._exchange.call(peer, method, body, FORWARD_S)
        )

    def _told_by_the_last_master(self) -> Overview | None:
        """Return how the cluster stands for whom this node worked last; None: it tells nothing."""
        last = self._worker.last_master
        lives = {(each.name, each.incarnation) for each in self._members.up()}
        if last is None or (last.name, last.incarnation) not in lives:
            return None
        try:
            # Not what it would pass on itself: two that worked for one another would ask for ever.
            asked = {"verb": "own_overview", "told": {}}
            plain = self._exchange.call(self._members.peer(last.name), "dist", asked, CALL_S)
        except CrowsgError:
            return None
        return Overview.read(plain)

    def _forward(self, verb: str, told: Mapping[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._worker.call_master(
            "dist", {"verb": verb, "told": told}, FORWARD_S
        )
        return answer

    def _answer(self, sender: Sender, body: Mapping[str, Any]) -> Any:
        verb = self._verbs.get(str(body["verb"]))
        if verb is None:
            raise Refused("unknown", f"{body['verb']!r:.60} is no verb of a cluster")
        return verb(body["told"])


def _module(name: object) -> str:
    """Refuse what would be looked for outside the code paths of this node.

    Raises:
        NoSuchScenario: It is no name of a module.
    """
    text = str(name)
    if text.startswith(".") or text.endswith(".py") or {"/", "\\"} & set(text):
        raise NoSuchScenario(text)
    return text


def _listed(nodes: Sequence[str] | None) -> list[str] | None:
    if isinstance(nodes, str):
        return [nodes]
    return None if nodes is None else [str(node) for node in nodes]
