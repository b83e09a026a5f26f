"""Nodes among others: waiting for them, and what users of different nodes have of one another."""

from collections.abc import Callable

import gevent
import pytest

from crowsg.dist.client import Client
from crowsg.errors import NotEnoughNodes, Refused
from crowsg.testing import capture_events
from tests.support.clusters import PREAMBLE, A, B, C, Cluster, D

MEETING = (
    PREAMBLE
    + """
def init():
    pass

def start(user_id):
    while True:
        message = users.receive()
        note("got", message)
        if isinstance(message, tuple) and message[0] == "meet":
            message[1].send(("from", users.current(), [1, (2, 3)]))
"""
)


class TestWaiting:
    def test_it_ends_when_there_are_enough(self, make_cluster: Callable[..., Cluster]) -> None:
        cluster = make_cluster(1)
        begun = cluster.begin(cluster[A].station.wait_for, 2, 10.0)
        cluster.advance(1)
        assert not begun.ready()
        cluster.enter(B)
        cluster.enter(C)
        cluster.advance(3)

        begun.result()

    def test_it_ends_when_the_time_is_over(self, cluster: Cluster) -> None:
        begun = cluster.begin(cluster[A].station.wait_for, 3, 10.0)
        cluster.advance(9.9)
        assert not begun.ready()
        cluster.advance(0.2)

        with pytest.raises(NotEnoughNodes) as refused:
            begun.result()
        assert refused.value.joined == (B, C)

    def test_it_ends_when_there_is_no_hope(self, cluster: Cluster) -> None:
        begun = cluster.begin(cluster[A].station.wait_for, 3, 10.0, lambda: True)

        with pytest.raises(NotEnoughNodes):
            begun.result()


class TestLeaving:
    def test_a_master_that_leaves_ends_its_run_in_order(self, cluster: Cluster) -> None:
        cluster.do(4, MEETING + '\ndef teardown():\n    note("teardown")\n')
        cluster.advance(1)
        cluster.call(cluster[A].station.leave)

        assert cluster.notes(A) == ["teardown"]
        assert cluster[A].station.master.tally.totals.users().removed == 4
        assert cluster[B].station.worker.service is None

    def test_whoever_leads_nothing_just_goes(self, cluster: Cluster) -> None:
        cluster.call(cluster[A].station.leave)
        cluster.advance(1)

        assert [each.state for each in cluster[B].station.members.all()] == ["left", "up"]


class TestMail:
    def test_messages_cross_nodes_and_arrive_as_they_were_sent(self, cluster: Cluster) -> None:
        cluster.do(2, MEETING)
        cluster.advance(0.1)
        mine, other = cluster[B].crowd.find(1), cluster[C].crowd.find(2)
        assert mine is not None
        assert other is not None
        mine.send(("meet", other))
        cluster.advance(0.5)

        ((_, (word, sender, rest)),) = cluster.notes(C)
        assert (word, sender.id, rest) == ("from", 1, [1, (2, 3)])

    def test_a_user_answers_whoever_wrote_to_it(self, cluster: Cluster) -> None:
        answering = MEETING.replace(
            'message[1].send(("from", users.current(), [1, (2, 3)]))',
            'message[1].send(("meet back", users.current()))\n'
            '        if isinstance(message, tuple) and message[0] == "meet back":\n'
            '            message[1].send("thanks")',
        )
        cluster.do(2, answering)
        cluster.advance(0.1)
        mine, other = cluster[B].crowd.find(1), cluster[C].crowd.find(2)
        assert mine is not None
        mine.send(("meet", other))
        cluster.advance(1)

        assert cluster.notes(B)[-1] == ("got", "thanks")

    def test_it_is_taken_from_members_only(self, cluster: Cluster) -> None:
        identity = cluster[B].station._exchange.identity
        link = cluster.network.link("10.0.0.99:4000")
        client = Client("op@test", identity.cluster, link, cluster.clock, gevent.spawn)
        peer = cluster.call(client.connect, cluster.address(B))
        body = {"number": 1, "mail": []}

        with pytest.raises(Refused, match="no member"):
            cluster.call(client._exchange.call, peer, "mail", body, 1.0)

        cluster.ask(C, B, "mail", body)


class TestEvents:
    def test_nodes_that_come_and_go_are_told(self, cluster: Cluster) -> None:
        events = [("crowsg", "cluster", name) for name in ("connect_nodes", "nodedown")]
        with capture_events(cluster[A].telemetry, *events) as told:
            cluster.enter(D)
            cluster.advance(2)
            cluster.cut_off(D)
            cluster.advance(12)

        assert [(each.name[-1], each.metadata["nodes"]) for each in told] == [
            ("connect_nodes", [D]),
            ("nodedown", [D]),
        ]

    def test_a_worker_tells_that_its_master_is_gone(self, cluster: Cluster) -> None:
        cluster.do(2)
        event = ("crowsg", "cluster", "master_node_down")
        with capture_events(cluster[B].telemetry, event) as told:
            cluster.cut_off(A)
            cluster.advance(12)

        assert [each.metadata["nodes"] for each in told] == [[A]]

    def test_others_do_not(self, cluster: Cluster) -> None:
        cluster.do(2)
        event = ("crowsg", "cluster", "master_node_down")
        with capture_events(cluster[B].telemetry, event) as told:
            cluster.cut_off(C)
            cluster.advance(12)

        assert list(told) == []


class TestLeavingInHaste:
    HANGING = (
        PREAMBLE
        + """
def init():
    pass

def start(user_id):
    while True:
        users.sleep(1000)

def terminate():
    wait_for_gate()
"""
    )

    def test_a_master_waits_for_a_run_that_ends_already(self, cluster: Cluster) -> None:
        cluster.do(2, self.HANGING)
        stopping = cluster.begin(cluster[A].dist.stop)
        cluster.advance(3)
        leaving = cluster.begin(cluster[A].station.leave)
        cluster.advance(3)
        assert not leaving.ready()

        for name in (B, C):
            cluster.open_gate(name)
        cluster.clock.advance_until(lambda: stopping.ready() and leaving.ready())

        assert cluster[B].controller.state == "finished"

    @pytest.mark.parametrize("name", [A, B])
    def test_whoever_hurries_waits_for_no_callback(self, cluster: Cluster, name: str) -> None:
        cluster.do(2, self.HANGING)
        leaving = cluster.begin(cluster[name].station.leave)
        cluster.advance(5)
        assert not leaving.ready()

        cluster[name].station.hurry()
        cluster.clock.advance_until(leaving.ready)

        assert cluster[B].controller.state == "finished"
