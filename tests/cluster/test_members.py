"""Clusters of several nodes in one process, on a clock that is moved by hand."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

import gevent
import pytest

from crowsg.clock import SECOND
from crowsg.cluster.exchange import Exchange, Peer
from crowsg.cluster.heartbeat import BEAT_S
from crowsg.cluster.identity import Identity
from crowsg.cluster.link import Link, Origin
from crowsg.cluster.members import Members
from crowsg.cluster.membership import Member, Membership, State
from crowsg.errors import ClusterError, InvalidAddress, Refused, Unreachable
from crowsg.supervision import Kept, unsupervised
from crowsg.testing import ManualClock, MemoryNetwork
from crowsg.testing.manual_clock import settle
from tests.cluster.kept_notes import KeptNotes
from tests.cluster.watched_link import Sent, WatchedLink

LOGGER = logging.getLogger("crowsg")


class ShiftedClock:
    """Another machine's clock: the same time, counted from elsewhere."""

    def __init__(self, clock: ManualClock, shift_ns: int) -> None:
        self._clock = clock
        self.shift_ns = shift_ns
        self.sleep = clock.sleep
        self.call_later = clock.call_later
        self.wall = clock.wall

    def now_ns(self) -> int:
        return self._clock.now_ns() + self.shift_ns

    def now(self) -> float:
        return self.now_ns() / SECOND


class Node:
    """One node: what it is made of, and what happened to it."""

    def __init__(self, cluster: "Cluster", link: Link, address: str, name: str, of: str) -> None:
        cluster.lives += 1
        self.address = address
        self.clock = ShiftedClock(cluster.clock, cluster.lives * 1000 * SECOND)
        who = Identity(name, cluster.lives, of)
        self.link = WatchedLink(link, address, cluster.sent)
        self.exchange = Exchange(who, self.link, self.clock, LOGGER)
        self.membership = Membership(who)
        self.blocking = ""
        self.journal = KeptNotes()
        self.members = Members(
            self.exchange,
            self.membership,
            self.clock,
            gevent.spawn,
            cluster.resolve,
            blocked_by=lambda: self.blocking,
            journal=self.journal,
        )
        self.changes: list[tuple[str, State | None, State]] = []
        self.refused: list[tuple[str, str]] = []
        self.members.on_change(self.note)
        self.members.on_refused(lambda address, why: self.refused.append((address, why.kind)))

    def note(self, member: Member, before: State | None) -> None:
        self.changes.append((member.name, before, member.state))

    def start(self, *join: str) -> "Node":
        self.exchange.open()
        self.members.start()
        self.members.join(join)
        return self

    def answer(self, method: str, payload: Any) -> Any:
        """Return what the node says when it calls itself."""
        return self.link.call(self.address, method, payload, 1.0)

    def die(self) -> None:
        """End as a process does that is killed: nothing is told to anybody."""
        self.members.stop()
        self.link.close()

    def sees(self) -> list[str]:
        return [each.name.partition("@")[0] for each in self.members.up()]

    def state_of(self, node: "Node") -> State:
        member = self.membership.get(node.exchange.identity.name)
        assert member is not None
        return member.state


class Cluster:
    """A network with nodes ``n0``, ``n1``, ... at ``n0:9400``, ``n1:9400``, ..."""

    def __init__(self, latency_s: float = 0.001) -> None:
        self.clock = ManualClock(SECOND)
        self.network = MemoryNetwork(self.clock, delay_ns=round(latency_s * SECOND))
        self.sent: list[Sent] = []
        self.lives = 0
        self.hosts: dict[str, list[str]] = {}
        self.nodes: list[Node] = []

    def resolve(self, host: str, port: int) -> list[str]:
        if host in self.hosts:
            return [f"{each}:{port}" for each in self.hosts[host]]
        if host.startswith("n"):
            return [f"{host}:{port}"]
        raise OSError("no such host")

    def node(self, number: int, name: str = "", of: str = "test", key: str = "") -> Node:
        """Return a node that is not started; its key is bound to the name ``key``."""
        address = f"n{number}:9400"
        link = self.network.link(address, origin=Origin("key", key))
        node = Node(self, link, address, name or f"n{number}@host", of)
        self.nodes.append(node)
        return node

    def of(self, count: int) -> list[Node]:
        """Return that many nodes that know one another."""
        nodes = [self.node(number) for number in range(count)]
        for node in nodes:
            node.start(*(["n0"] if node is not nodes[0] else []))
        self.clock.advance_until(lambda: is_mesh(nodes))
        return nodes

    def cut(self, node: Node) -> None:
        """Cut a node off from all others."""
        for other in self.nodes:
            self.network.cut(node.address, other.address)

    def heal(self, node: Node) -> None:
        for other in self.nodes:
            self.network.heal(node.address, other.address)

    def close(self) -> None:
        for node in self.nodes:
            node.die()
        self.clock.advance(10)


def is_mesh(nodes: Iterable[Node]) -> bool:
    """Whether each of the nodes sees all others up."""
    nodes = list(nodes)
    return all(len(node.members.up()) == len(nodes) - 1 for node in nodes)


def end_unnoticed(cluster: Cluster, node: Node) -> None:
    """End a node in a way that nobody hears of; nobody listens at its address any more."""
    node.members.stop()
    del cluster.network._wires.listening[node.address]


def hang(origin: Origin, payload: Any) -> None:
    gevent.sleep(100)


@pytest.fixture
def cluster() -> Iterable[Cluster]:
    cluster = Cluster()
    yield cluster
    cluster.close()


class TestJoining:
    def test_two_nodes_know_each_other_after_one_hello(self, cluster: Cluster) -> None:
        first, second = cluster.node(0).start(), cluster.node(1).start("n0:9400")
        cluster.clock.advance(0.01)

        assert (first.sees(), second.sees()) == (["n1"], ["n0"])
        assert [method for *_, method, _ in cluster.sent].count("hello") == 1

    @pytest.mark.parametrize(
        "named",
        [
            pytest.param([[], [0], [0]], id="star"),
            pytest.param([[], [0], [1]], id="chain"),
            pytest.param([[2], [0], [1]], id="ring"),
            pytest.param([[0, 1, 2], [0, 1, 2], [0, 1, 2]], id="everybody-everybody"),
            pytest.param([[], [], [0, 1]], id="last-names-all"),
        ],
    )
    def test_three_nodes_are_a_mesh_within_a_second(
        self, cluster: Cluster, named: list[list[int]]
    ) -> None:
        nodes = [cluster.node(number) for number in range(3)]
        for node, names in zip(nodes, named, strict=True):
            node.start(*(f"n{name}" for name in names))
        cluster.clock.advance(1)

        assert is_mesh(nodes)

    @pytest.mark.parametrize(
        "named",
        [
            pytest.param(lambda number: 0, id="star"),
            pytest.param(lambda number: number - 1, id="chain"),
        ],
    )
    def test_twenty_nodes_are_a_mesh_within_five_seconds(
        self, cluster: Cluster, named: Callable[[int], int]
    ) -> None:
        nodes = [cluster.node(number) for number in range(20)]
        for number, node in enumerate(nodes):
            node.start(*([f"n{named(number)}"] if number else []))
        cluster.clock.advance(5)

        assert is_mesh(nodes)

    def test_a_mesh_is_quiet(self, cluster: Cluster) -> None:
        nodes = cluster.of(5)
        cluster.clock.advance(2)
        cluster.sent.clear()
        cluster.clock.advance(10)

        topics = [topic for *_, topic, _ in cluster.sent]
        assert set(topics) == {"alive"}
        assert len(topics) == 10 / BEAT_S * 5 * 4
        assert is_mesh(nodes)

    def test_nodes_that_dial_each_other_at_once_do_not_wait_for_each_other(
        self, cluster: Cluster
    ) -> None:
        nodes = [cluster.node(0).start("n1"), cluster.node(1).start("n0")]
        cluster.clock.advance(0.01)

        assert is_mesh(nodes)
        assert [len(node.changes) for node in nodes] == [1, 1]

    def test_a_node_that_is_not_there_yet_is_met_when_it_comes(self, cluster: Cluster) -> None:
        first = cluster.node(0).start("n1")
        cluster.clock.advance(100)
        second = cluster.node(1).start()
        cluster.clock.advance(3)

        assert is_mesh([first, second])

    def test_those_that_are_not_there_hold_nobody_up(self, cluster: Cluster) -> None:
        first = cluster.node(0).start()
        second = cluster.node(1).start("n7", "n8", "n9", "n0")
        cluster.clock.advance(0.01)

        assert is_mesh([first, second])

    def test_a_host_with_several_addresses_means_all_of_them(self, cluster: Cluster) -> None:
        cluster.hosts["all"] = ["n0", "n1", "n2"]
        nodes = [cluster.node(number).start() for number in range(2)]
        nodes.append(cluster.node(2).start("all"))
        cluster.clock.advance(0.3)

        assert is_mesh(nodes)

    def test_a_host_that_is_not_known_yet_is_looked_up_again(self, cluster: Cluster) -> None:
        first, second = cluster.node(0).start(), cluster.node(1).start("workers")
        cluster.clock.advance(5)
        cluster.hosts["workers"] = ["n0", "n1"]
        cluster.clock.advance(1.1)

        assert is_mesh([first, second])

    def test_a_host_that_is_only_the_node_itself_is_looked_up_again(self, cluster: Cluster) -> None:
        cluster.hosts["workers"] = ["n1"]
        first, second = cluster.node(0).start(), cluster.node(1).start("workers")
        cluster.clock.advance(5)
        cluster.hosts["workers"] = ["n0", "n1"]
        cluster.clock.advance(1.1)

        assert is_mesh([first, second])

    def test_a_node_does_not_meet_itself(self, cluster: Cluster) -> None:
        cluster.hosts["all"] = ["n0", "alias"]
        node = cluster.node(0)
        alias = cluster.network.link("alias:9400")
        alias.open({"hello": lambda origin, payload: node.answer("hello", payload)}, {})
        node.start("all")
        cluster.clock.advance(5)

        assert node.members.all() == ()
        assert node.refused == []
        assert [each.target for each in cluster.sent] == ["alias:9400", "n0:9400"]

    def test_it_is_logged_once_that_nobody_is_there_and_once_that_somebody_is(
        self, cluster: Cluster, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "crowsg")
        cluster.node(0).start("n1")
        cluster.clock.advance(60)
        cluster.node(1).start()
        cluster.clock.advance(3)

        told = [line for line in caplog.messages if "n1:9400" in line and "is up" not in line]
        assert [line.split(" at ")[0] for line in told] == [
            "cannot meet the node",
            "reached n1@host",
        ]

    def test_a_member_that_was_missed_is_found_by_the_digest(self, cluster: Cluster) -> None:
        nodes = cluster.of(3)
        del nodes[1].membership._members["n2@host"]
        del nodes[2].membership._members["n1@host"]
        cluster.clock.advance(1.1)

        assert is_mesh(nodes)

    def test_a_node_that_only_one_side_knows_is_met_by_its_beat(self, cluster: Cluster) -> None:
        nodes = cluster.of(2)
        del nodes[0].membership._members["n1@host"]
        cluster.clock.advance(1.1)

        assert is_mesh(nodes)


class TestClocks:
    @pytest.mark.parametrize("latency_s", [0.0, 0.05, 0.4])
    def test_the_clock_of_each_is_never_thought_later_than_it_is(self, latency_s: float) -> None:
        cluster = Cluster(latency_s)
        nodes = cluster.of(3)
        truth = {node.exchange.identity.name: node.clock.now_ns() for node in nodes}
        for _ in range(20):
            cluster.clock.advance(0.7)
            for node in nodes:
                for peer in node.members.peers():
                    late_ns = truth[peer.name] - truth[node.exchange.identity.name] - peer.offset_ns
                    assert 0 <= late_ns <= (latency_s + 0.01) * SECOND
        cluster.close()

    def test_calls_between_nodes_have_the_time_they_were_given(self, cluster: Cluster) -> None:
        nodes = [cluster.node(0), cluster.node(1)]
        nodes[0].exchange.answer("ping", lambda sender, body: "pong")
        nodes[0].start()
        nodes[1].start("n0")
        cluster.clock.advance(60)
        call = gevent.spawn(
            nodes[1].exchange.call, nodes[1].members.peer("n0@host"), "ping", None, 0.01
        )
        cluster.clock.advance(0.01)

        assert call.value == "pong"


class TestLosses:
    def test_a_node_that_dies_is_suspect_and_then_dead(self, cluster: Cluster) -> None:
        first, second = cluster.of(2)
        second.die()
        seen = []
        for _ in range(24):
            cluster.clock.advance(0.5)
            seen.append(first.state_of(second))

        assert first.changes[1:] == [("n1@host", "up", "suspect"), ("n1@host", "suspect", "dead")]
        assert 4 <= seen.index("suspect") <= 7
        assert 18 <= seen.index("dead") <= 21

    def test_a_loss_is_no_news_that_cannot_wait(self, cluster: Cluster) -> None:
        _, _, third = cluster.of(3)
        cluster.clock.advance(2)
        third.die()
        cluster.sent.clear()
        cluster.clock.advance(20)

        beats = [each for each in cluster.sent if each[:3] == ("n0:9400", "n1:9400", "alive")]
        assert len(beats) == 20 / BEAT_S

    def test_a_node_that_leaves_has_left_at_once(self, cluster: Cluster) -> None:
        first, second, third = cluster.of(3)
        leaving = gevent.spawn(second.members.leave)
        cluster.clock.advance(0.01)

        assert leaving.ready()
        assert [node.changes[-1] for node in (first, third)] == [("n1@host", "up", "left")] * 2
        second.link.close()
        cluster.clock.advance(30)
        assert first.state_of(second) == "left"

    def test_leaving_takes_a_second_at_the_most(self, cluster: Cluster) -> None:
        first, second = cluster.of(2)
        second.die()
        leaving = gevent.spawn(first.members.leave)
        cluster.clock.advance(0.9)
        assert not leaving.ready()
        cluster.clock.advance(0.1)

        assert leaving.ready()

    def test_a_short_silence_is_over_when_it_is_over(self, cluster: Cluster) -> None:
        first, second = cluster.of(2)
        cluster.cut(second)
        cluster.clock.advance(5)
        assert (first.state_of(second), second.state_of(first)) == ("suspect", "suspect")
        cluster.heal(second)
        cluster.clock.advance(1.1)

        assert is_mesh([first, second])

    def test_a_cluster_that_was_cut_in_two_becomes_one_again(self, cluster: Cluster) -> None:
        nodes = cluster.of(4)
        cluster.cut(nodes[1])
        cluster.clock.advance(60)
        assert [node.sees() for node in nodes] == [["n2", "n3"], [], ["n0", "n3"], ["n0", "n2"]]
        cluster.heal(nodes[1])
        cluster.clock.advance(3.5)

        assert is_mesh(nodes)
        assert ("n1@host", "dead", "up") in nodes[0].changes

    def test_two_that_lost_only_one_another_meet_again(self, cluster: Cluster) -> None:
        nodes = cluster.of(3)
        cluster.network.cut("n1:9400", "n2:9400")
        cluster.clock.advance(60)
        assert [node.sees() for node in nodes] == [["n1", "n2"], ["n0"], ["n0"]]
        cluster.network.heal("n1:9400", "n2:9400")
        cluster.clock.advance(3.5)

        assert is_mesh(nodes)

    def test_a_new_life_takes_the_place_of_one_that_is_dead(self, cluster: Cluster) -> None:
        first, second = cluster.of(2)
        second.die()
        cluster.clock.advance(11)
        again = cluster.node(1).start("n0")
        cluster.clock.advance(0.01)

        assert is_mesh([first, again])
        assert first.changes[-1] == ("n1@host", None, "up")

    def test_a_new_life_takes_the_place_of_one_that_left(self, cluster: Cluster) -> None:
        first, second = cluster.of(2)
        gevent.spawn(second.members.leave)
        cluster.clock.advance(0.01)
        second.link.close()
        again = cluster.node(1).start("n0")
        cluster.clock.advance(0.01)

        assert is_mesh([first, again])

    def test_a_named_node_that_left_is_met_again_when_it_is_back(self, cluster: Cluster) -> None:
        first, second = cluster.of(2)
        gevent.spawn(first.members.leave)
        cluster.clock.advance(0.01)
        first.link.close()
        cluster.clock.advance(30)
        back = cluster.node(0).start()
        cluster.clock.advance(3.5)

        assert is_mesh([second, back])

    def test_the_connections_of_one_that_is_gone_are_dropped(self, cluster: Cluster) -> None:
        first, second = cluster.of(2)
        second.die()
        cluster.clock.advance(11)

        assert "n1:9400" in first.link.forgotten

    def test_a_node_that_did_not_run_declares_nobody_dead(self, cluster: Cluster) -> None:
        first, second = cluster.of(2)
        cluster.cut(second)
        first.clock.shift_ns += 30 * SECOND
        cluster.clock.advance(0.6)

        assert first.state_of(second) == "up"


class TestDoubts:
    """A connection that was closed, and who is found where it led."""

    @staticmethod
    def connected(cluster: Cluster, count: int = 2) -> list[Node]:
        nodes = cluster.of(count)
        cluster.clock.advance(1.5)
        return nodes

    def test_a_node_that_dies_is_dead_within_a_second(self, cluster: Cluster) -> None:
        """R1."""
        first, second, third = self.connected(cluster, 3)
        second.die()
        cluster.clock.advance(0.9)

        assert first.changes[-1] == third.changes[-1] == ("n1@host", "up", "dead")
        assert is_mesh([first, third])

    def test_a_node_that_is_cut_off_is_only_silent(self, cluster: Cluster) -> None:
        """R3: nothing says that it is dead, so others wait until it must have fenced itself."""
        first, second = self.connected(cluster)
        cluster.cut(second)
        second.die()
        cluster.clock.advance(8.9)

        assert first.state_of(second) == "suspect"

    def test_a_connection_that_breaks_is_no_death(self, cluster: Cluster) -> None:
        first, _ = self.connected(cluster)
        first.members._hung_up("n1:9400")
        cluster.clock.advance(5)

        assert first.changes == [("n1@host", None, "up")]

    def test_whoever_listens_anew_at_once_is_not_dead(self, cluster: Cluster) -> None:
        first, _ = self.connected(cluster)
        listening = cluster.network._wires.listening
        link = listening.pop("n1:9400")
        first.members._hung_up("n1:9400")
        cluster.clock.advance(0.1)
        listening["n1:9400"] = link
        cluster.clock.advance(2)

        assert first.changes == [("n1@host", None, "up")]

    def test_who_listens_and_does_not_answer_is_only_silent(self, cluster: Cluster) -> None:
        first, second = self.connected(cluster)
        second.die()
        cluster.network.link("n1:9400").open({"hello": hang}, {})
        cluster.clock.advance(2)
        assert first.state_of(second) == "up"

        cluster.clock.advance(9)
        assert first.state_of(second) == "dead"

    def test_one_that_stops_listening_while_it_is_asked_is_dead(self, cluster: Cluster) -> None:
        first, second = self.connected(cluster)
        second.die()
        cluster.network.link("n1:9400").open({"hello": hang}, {})
        cluster.clock.advance(0.3)
        del cluster.network._wires.listening["n1:9400"]
        cluster.clock.advance(0.6)

        assert first.state_of(second) == "dead"

    @pytest.mark.parametrize("name", ["n1@host", "other@host"])
    def test_another_life_in_its_place_means_that_it_is_dead(
        self, cluster: Cluster, name: str
    ) -> None:
        first, second = self.connected(cluster)
        second.die()
        again = cluster.node(1, name=name).start()
        cluster.clock.advance(0.5)

        assert first.changes[1:] == [("n1@host", "up", "dead"), (name, None, "up")]
        assert is_mesh([first, again])

    def test_another_life_in_its_place_may_say_that_it_is_elsewhere(self, cluster: Cluster) -> None:
        first, second = self.connected(cluster)
        second.die()
        answer = {
            "v": 1, "cluster": "test", "name": "x@y", "inc": 99, "at": "n8:9400", "now": 1,
            "members": [],
        }  # fmt: skip
        cluster.network.link("n1:9400").open({"hello": lambda *_: {"ok": answer}}, {})
        cluster.clock.advance(0.5)

        assert first.changes[1:] == [("n1@host", "up", "dead"), ("x@y", None, "up")]

    def test_a_restarted_node_need_not_wait_for_anybody_to_notice(self, cluster: Cluster) -> None:
        """R5: it says hello before the end of its former life was seen."""
        first, second = cluster.of(2)
        end_unnoticed(cluster, second)
        again = cluster.node(1).start("n0")
        cluster.clock.advance(0.01)

        assert first.changes[1:] == [("n1@host", "up", "dead"), ("n1@host", None, "up")]
        assert again.refused == []

    def test_the_name_of_one_that_died_unnoticed_is_free(self, cluster: Cluster) -> None:
        """R12: at another address, once it is clear that nobody listens where it did."""
        first, second = cluster.of(2)
        end_unnoticed(cluster, second)
        again = cluster.node(5, name="n1@host").start("n0")
        cluster.clock.advance(0.9)

        assert is_mesh([first, again])
        assert again.refused == []

    def test_a_node_that_leaves_looks_for_nobody(self, cluster: Cluster) -> None:
        first, second = self.connected(cluster)
        first.members.stop()
        second.die()
        cluster.clock.advance(3)

        assert first.state_of(second) == "up"

    def test_one_that_has_left_is_not_looked_for(self, cluster: Cluster) -> None:
        first, second = self.connected(cluster)
        gevent.spawn(second.members.leave)
        cluster.clock.advance(0.1)
        second.link.close()
        cluster.clock.advance(3)

        assert first.changes[-1] == ("n1@host", "up", "left")


class TestStates:
    def test_a_node_whose_loop_is_blocked_is_stalled_and_then_up(self, cluster: Cluster) -> None:
        """R8: the others know what blocks it."""
        first, second = cluster.of(2)
        second.blocking = "spin (scene.py:7)"
        cluster.clock.advance(0.2)
        (member,) = first.members.all()
        assert (member.state, member.place) == ("stalled", "spin (scene.py:7)")
        assert first.members.up() == ()
        assert [each.name for each in first.members.peers()] == ["n1@host"]

        second.blocking = ""
        cluster.clock.advance(0.2)
        assert first.changes[1:] == [("n1@host", "up", "stalled"), ("n1@host", "stalled", "up")]

    def test_a_node_that_has_fenced_itself_says_so(self, cluster: Cluster) -> None:
        first, second = cluster.of(2)
        second.members.tell_fenced(True)
        cluster.clock.advance(0.2)

        assert first.state_of(second) == "fenced"

    def test_each_knows_what_the_other_got(self, cluster: Cluster) -> None:
        first, second = cluster.of(2)
        for _ in range(20):
            cluster.clock.advance(1)
            for node in (first, second):
                (member,) = node.members.all()
                assert 0 < node.clock.now_ns() - member.confirmed_ns <= 2.2 * SECOND

    @pytest.mark.parametrize("way", [("n0:9400", "n1:9400"), ("n1:9400", "n0:9400")], ids=str)
    def test_nothing_is_confirmed_when_one_way_is_cut(
        self, cluster: Cluster, way: tuple[str, str]
    ) -> None:
        """R3: whatever of it is heard."""
        nodes = cluster.of(2)
        cluster.clock.advance(3)
        cluster.network.cut(*way, one_way=True)
        cluster.clock.advance(20)

        for node in nodes:
            (member,) = node.members.all()
            assert node.clock.now_ns() - member.confirmed_ns > 18 * SECOND

    def test_changes_are_noted(self, cluster: Cluster) -> None:
        first, second = cluster.of(2)
        second.blocking = "x"
        cluster.clock.advance(0.2)

        life = second.exchange.identity.incarnation
        assert [fields for kind, fields in first.journal.kept if kind == "member"] == [
            {"name": "n1@host", "incarnation": life, "state": state} for state in ("up", "stalled")
        ]

    def test_its_loops_are_kept_until_it_leaves(self, cluster: Cluster) -> None:
        kept: dict[str, Kept] = {}
        keep = unsupervised(gevent.spawn)

        def noting(name: str, run: Callable[[], object]) -> Kept:
            kept[name] = keep(name, run)
            return kept[name]

        node = cluster.node(0)
        members = Members(node.exchange, node.membership, node.clock, gevent.spawn, keep=noting)
        node.exchange.open()
        members.start()
        settle()
        before = {name: each.is_running for name, each in kept.items()}
        members.leave()
        settle()

        assert before == {"members: judge": True, "members: dial": True}
        assert [each.is_stopped for each in kept.values()] == [True, True]


class TestPeers:
    def test_up_is_sorted_by_name(self, cluster: Cluster) -> None:
        nodes = cluster.of(12)

        names = [each.name for each in nodes[5].members.up()]
        assert names == sorted(names)
        assert len(names) == 11

    def test_a_suspect_is_a_peer_but_not_up(self, cluster: Cluster) -> None:
        first, second = cluster.of(2)
        second.die()
        cluster.clock.advance(5)

        assert first.members.up() == ()
        assert [each.name for each in first.members.peers()] == ["n1@host"]

    def test_one_that_died_is_no_peer(self, cluster: Cluster) -> None:
        first, second = cluster.of(2)
        second.die()
        cluster.clock.advance(11)

        assert first.members.peers() == ()
        with pytest.raises(Refused, match="dead"):
            first.members.peer("n1@host")

    def test_nobody_knows_a_stranger(self, cluster: Cluster) -> None:
        with pytest.raises(Refused, match="no node is called"):
            cluster.node(0).members.peer("x@y\n")


class TestClients:
    def test_a_client_learns_whom_to_ask_and_is_not_remembered(self, cluster: Cluster) -> None:
        node, client = cluster.node(0).start(), cluster.node(9)
        connecting = gevent.spawn(client.members.connect, "n0")
        cluster.clock.advance(1)

        peer = connecting.value
        assert (peer.name, peer.address, peer.incarnation) == ("n0@host", "n0:9400", 1)
        assert node.members.all() == client.members.all() == ()

    def test_a_client_tries_every_address_of_a_host(self, cluster: Cluster) -> None:
        cluster.hosts["all"] = ["n7", "n0"]
        cluster.node(0).start()
        connecting = gevent.spawn(cluster.node(9).members.connect, "all", 1.0)
        cluster.clock.advance(3)

        assert connecting.value.name == "n0@host"

    def test_a_client_is_told_that_nobody_is_there(self, cluster: Cluster) -> None:
        connecting = gevent.spawn(cluster.node(9).members.connect, "n0", 1.0)
        cluster.clock.advance(1)

        assert isinstance(connecting.exception, Unreachable)

    def test_a_client_of_a_host_that_is_none_is_told_so(self, cluster: Cluster) -> None:
        with pytest.raises(ClusterError, match="no host is called elsewhere"):
            cluster.node(9).members.connect("elsewhere")


class TestSad:
    def test_a_name_that_a_living_node_has_is_refused_on_both_sides(
        self, cluster: Cluster, caplog: pytest.LogCaptureFixture
    ) -> None:
        first, second = cluster.of(2)
        double = cluster.node(2, name="n1@host").start("n0")
        cluster.clock.advance(30)

        assert double.refused == [("n0:9400", "name_taken")]
        assert "n1:9400" in str(double.members.refusals["n0:9400"])
        told = [line for line in caplog.messages if "the name n1@host" in line]
        assert len(told) == 2
        assert is_mesh([first, second])
        assert double.members.all() == ()

    def test_the_name_of_the_node_itself_is_refused(self, cluster: Cluster) -> None:
        first = cluster.node(0).start()
        double = cluster.node(1, name="n0@host").start("n0")
        cluster.clock.advance(5)

        assert double.refused == [("n0:9400", "name_taken")]
        assert first.members.all() == ()

    def test_a_name_is_not_free_while_its_node_is_only_suspect(self, cluster: Cluster) -> None:
        first, second = cluster.of(2)
        cluster.cut(second)
        cluster.clock.advance(5)
        again = cluster.node(5, name="n1@host").start("n0")
        cluster.clock.advance(0.01)

        assert again.refused == [("n0:9400", "name_taken")]
        assert first.state_of(second) == "suspect"

    def test_another_cluster_is_refused_on_both_sides(
        self, cluster: Cluster, caplog: pytest.LogCaptureFixture
    ) -> None:
        first = cluster.node(0).start()
        stranger = cluster.node(1, of="prod").start("n0")
        cluster.clock.advance(30)

        assert stranger.refused == [("n0:9400", "other_cluster")]
        assert len([line for line in caplog.messages if "'prod'" in line]) == 2
        assert first.members.all() == stranger.members.all() == ()

    def test_a_refusal_of_before_is_told_too(self, cluster: Cluster) -> None:
        cluster.node(0).start()
        stranger = cluster.node(1, of="prod").start("n0")
        cluster.clock.advance(1)
        told: list[str] = []
        stranger.members.on_refused(lambda address, refusal: told.append(refusal.kind))

        assert told == ["other_cluster"]

    def test_a_stranger_at_an_address_that_was_a_members_ends_nothing(
        self, cluster: Cluster
    ) -> None:
        # The last to come has heard of the second by the first, and dialled it.
        first, second, third = cluster.of(3)
        second.die()
        cluster.clock.advance(11)
        cluster.node(1, of="prod").start()
        cluster.clock.advance(5)

        assert third.refused == []
        assert is_mesh([first, third])

    def test_a_life_whose_name_was_given_away_meanwhile_is_told_so(self, cluster: Cluster) -> None:
        first, second = cluster.of(2)
        cluster.cut(second)
        cluster.clock.advance(12)
        again = cluster.node(5, name="n1@host").start("n0")
        cluster.clock.advance(1)
        cluster.heal(second)
        cluster.clock.advance(3)

        assert second.refused == [("n0:9400", "name_taken")]
        assert is_mesh([first, again])

    def test_another_version_is_refused_on_both_sides(
        self, cluster: Cluster, caplog: pytest.LogCaptureFixture
    ) -> None:
        first, old = cluster.node(0).start(), cluster.node(1)
        old.link.altered = {"v": 0}
        old.start("n0")
        cluster.clock.advance(30)

        assert old.refused == [("n0:9400", "other_version")]
        assert len([line for line in caplog.messages if "version 1" in line]) == 2
        assert first.members.all() == old.members.all() == ()

    def test_a_name_that_is_bound_to_another_key_is_refused(self, cluster: Cluster) -> None:
        first = cluster.node(0).start()
        liar = cluster.node(1, key="somebody@else").start("n0")
        cluster.clock.advance(5)

        assert liar.refused == [("n0:9400", "wrong_key")]
        assert first.members.all() == ()

    @pytest.mark.parametrize(
        "body",
        [None, 1, [], {}, {"role": "king", "now": 1}, {"role": "node"},
         {"role": ["node"], "now": 1}, {"role": "node", "now": -1}, {"role": "node", "now": "x"},
         {"role": "node", "now": True}, {"role": "node", "now": 1 << 63}],
        ids=str,
    )  # fmt: skip
    def test_a_hello_that_is_none_is_refused(self, cluster: Cluster, body: Any) -> None:
        first = cluster.node(0).start()
        stranger = cluster.node(1)
        stranger.exchange.open()
        call = gevent.spawn(stranger.exchange.call_address, "n0:9400", "hello", body, 1.0)
        cluster.clock.advance(1)

        assert isinstance(call.exception, Refused)
        assert call.exception.kind == "malformed"
        assert first.members.all() == ()

    @pytest.mark.parametrize(
        "answer",
        [None, [], {}, {"name": "x"}, {"now": -1}, {"at": "nowhere"}, {"inc": "1"},
         {"cluster": 5}, {"v": "1"}, {"at": None}, {"name": ["n0@host"]}],
        ids=str,
    )  # fmt: skip
    def test_an_answer_to_a_hello_that_is_none_makes_no_member(
        self, cluster: Cluster, answer: Any
    ) -> None:
        proper = {"v": 1, "cluster": "test", "name": "n0@host", "inc": 5, "at": "n0:9400", "now": 1}
        told = proper | answer if answer else answer
        odd = cluster.network.link("n0:9400")
        odd.open({"hello": lambda origin, payload: {"ok": told}}, {})
        node = cluster.node(1).start("n0")
        cluster.clock.advance(5)

        assert node.members.all() == ()
        assert node.refused == []

    @pytest.mark.parametrize(
        "gossip",
        [None, 1, "n1", {}, [1], [[]], [["x@y", 1]], [["x@y", 0, "n1:1"]], [["x", 1, "n1:1"]],
         [["x@y", 1, "nowhere"]], [["x@y", 1, None]], [[None, None, None]], [["x@y", True, "n:1"]]],
        ids=str,
    )  # fmt: skip
    def test_gossip_that_is_none_is_passed_over(self, cluster: Cluster, gossip: Any) -> None:
        first = cluster.node(0).start()
        stranger = cluster.node(1)
        stranger.exchange.open()
        hello = {"role": "node", "now": 1, "members": gossip}
        gevent.spawn(stranger.exchange.call_address, "n0:9400", "hello", hello, 1.0)
        cluster.clock.advance(1)

        assert first.sees() == ["n1"]
        dialled = {to for one, to, *_ in cluster.sent if one == "n0:9400"}
        assert dialled <= {"n1:9400"}

    def test_gossip_of_no_end_of_nodes_is_not_followed_to_its_end(self, cluster: Cluster) -> None:
        first = cluster.node(0).start()
        liar = cluster.node(1)
        liar.exchange.open()
        gossip = [[f"x{number}@y", 5, f"n1:{number + 1}"] for number in range(25_000)]
        hello = {"role": "node", "now": 1, "members": gossip}
        gevent.spawn(liar.exchange.call_address, "n0:9400", "hello", hello, 1.0)
        cluster.clock.advance(0.5)

        dialled = {to for one, to, *_ in cluster.sent if one == "n0:9400"}
        assert len(dialled) <= 1001
        assert first.sees() == ["n1"]

    @pytest.mark.parametrize("body", [None, 1, {}, {"now": "x"}, {"now": -1}], ids=str)
    def test_a_beat_that_is_none_is_counted_and_dropped(self, cluster: Cluster, body: Any) -> None:
        first, second = cluster.of(2)
        second.exchange.tell(second.members.peer("n0@host"), "alive", body)
        cluster.clock.advance(0.01)

        assert first.exchange.refused == {"malformed": 1}

    def test_nobody_speaks_for_another_life(self, cluster: Cluster) -> None:
        first, second = cluster.of(2)
        liar = cluster.node(3, name="n1@host")
        liar.exchange.open()
        to = Peer("n0@host", "n0:9400", first.exchange.identity.incarnation, 0)
        call = gevent.spawn(liar.exchange.call, to, "leave", None, 1.0)
        cluster.clock.advance(1)

        assert call.ready()
        assert first.state_of(second) == "up"

    def test_a_node_that_cannot_be_reached_is_no_member(self, cluster: Cluster) -> None:
        first, stranger = cluster.node(0).start(), cluster.node(1)
        hello = {"role": "node", "now": 1, "members": []}
        call = gevent.spawn(stranger.exchange.call_address, "n0:9400", "hello", hello, 1.0)
        cluster.clock.advance(1)

        assert isinstance(call.exception, Refused)
        assert first.members.all() == ()

    def test_views_that_stay_apart_cost_one_hello_at_a_time(self) -> None:
        cluster = Cluster(latency_s=0.8)
        nodes = cluster.of(3)
        cluster.network.cut("n1:9400", "n2:9400")
        cluster.clock.advance(60)
        cluster.sent.clear()
        cluster.clock.advance(16)

        hellos = [each for each in cluster.sent if (each.source, each.what) == ("n0:9400", "hello")]
        assert nodes[0].sees() == ["n1", "n2"]
        assert 2 <= len(hellos) <= 2 * 10
        cluster.close()

    @pytest.mark.parametrize("address", ["", ":1", "n0:x", "n0:70000", "a b", "\x1b[2J"], ids=ascii)
    def test_an_address_that_is_none_joins_nobody(self, cluster: Cluster, address: str) -> None:
        node = cluster.node(0)
        with pytest.raises(InvalidAddress):
            node.members.join(["n1", address])
        settle()

        assert cluster.sent == []

    def test_a_node_that_leaves_takes_nobody_in(self, cluster: Cluster) -> None:
        first = cluster.node(0).start()
        first.members.leave()
        second = cluster.node(1).start("n0")
        cluster.clock.advance(5)

        assert first.members.all() == second.members.all() == ()
        assert second.refused == []
