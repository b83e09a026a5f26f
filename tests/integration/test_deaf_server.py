"""A server that reads nothing any more, as one whose dispatcher died did once: R37, M1."""

import json
from collections.abc import Iterator

import gevent
import pytest

from crowsg.cli import exit_code_of
from crowsg.clock import MonotonicClock
from crowsg.cluster.zerorpc_link import ZerorpcLink
from crowsg.dist import self_ping
from crowsg.dist.client import Client
from crowsg.node import Node
from tests.cluster.zerorpc_link.nets import shared_curve

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock]

PATIENCE_S = 10.0


CURVE = shared_curve()


@pytest.fixture(params=[None, CURVE], ids=["plain", "keys"])
def node(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    """Give a node on loopback that calls itself five times a second."""
    monkeypatch.setattr(self_ping, "EVERY_S", 0.1)
    monkeypatch.setattr(self_ping, "LOOK_S", 0.01)
    ended: list[str] = []
    with Node("a@test", end_process=ended.append) as node:
        link = ZerorpcLink("127.0.0.1", 0, curve=request.param, spawn=node.spawn, keep=node.keep)
        node.shared["curve"] = request.param
        node.enter_cluster(link)
        gevent.sleep(0.5)
        yield node
    assert ended == []


@pytest.fixture
def rebuilt(node: Node) -> list[object]:
    """Count how often the server was rebuilt."""
    events: list[object] = []
    event = ("crowsg", "cluster", "deaf")
    node.telemetry.attach("rebuilt", event, lambda *told: events.append(told[2]))
    return events


def overview(node: Node) -> object:
    """Ask a node how the cluster stands, over a connection of its own."""
    link = ZerorpcLink("127.0.0.1", 0, curve=node.shared["curve"])
    client = Client("operator@test", "crowsg", link, MonotonicClock(), gevent.spawn)
    try:
        return client.ask(client.connect(node.station.address), "overview", {})["state"]
    finally:
        client.close()


def make_deaf(node: Node) -> None:
    """Let whoever reads the socket of the cluster throw away all it reads."""
    reader = node.supervisor._histories["link: server"].kept._run
    reader.__self__._dispatch = lambda received: None  # type: ignore[attr-defined]


def wait_for(events: list[object]) -> None:
    with gevent.Timeout(PATIENCE_S):
        while not events:
            gevent.sleep(0.01)


def test_a_node_that_hears_is_left_alone(node: Node, rebuilt: list[object]) -> None:
    gevent.sleep(1)

    assert rebuilt == []


def test_a_deaf_server_is_rebuilt_at_its_address_and_answers_again(
    node: Node, rebuilt: list[object]
) -> None:
    address = node.station.address
    make_deaf(node)

    wait_for(rebuilt)
    gevent.sleep(1)

    assert node.station.address == address
    assert overview(node) == "idle"
    assert len(rebuilt) == 1


@pytest.mark.parametrize("name", ["link: server", "self ping", "members: judge", "members: dial"])
def test_a_loop_of_a_real_node_that_is_killed_runs_again_and_it_answers(
    node: Node, name: str
) -> None:
    node.supervisor._histories[name].kept._greenlet.kill(block=False)
    gevent.sleep(0.5)

    state = node.supervisor.states()[name]
    assert (state.is_running, state.deaths) == (True, 1)
    assert overview(node) == "idle"


def test_a_gatekeeper_that_is_killed_lets_others_in_again(node: Node) -> None:
    if node.shared["curve"] is None:
        assert "link: gatekeeper" not in node.supervisor.states()
        return
    node.supervisor._histories["link: gatekeeper"].kept._greenlet.kill(block=False)
    gevent.sleep(0.5)

    assert overview(node) == "idle"


def test_the_loops_of_a_real_node_are_these(node: Node) -> None:
    assert set(node.supervisor.states()) >= {
        "link: server",
        "members: dial",
        "members: judge",
        "self ping",
        "worker: fence",
    }


def state_of(node: Node, capfd: pytest.CaptureFixture[str], *options: str) -> str:
    """Return what ``crowsg dist state`` prints."""
    assert exit_code_of(["dist", "state", "--node", node.station.address, *options]) == 0
    return capfd.readouterr().out


@pytest.mark.parametrize("node", [None], ids=["plain"], indirect=True)
class TestState:
    def test_json_tells_of_all_loops(self, node: Node, capfd: pytest.CaptureFixture[str]) -> None:
        told = json.loads(state_of(node, capfd, "--json"))["greenlets"]

        assert list(told) == ["a@test"]
        assert {each["name"]: each["is_running"] for each in told["a@test"]} == dict.fromkeys(
            node.supervisor.states(), True
        )

    def test_people_are_told_of_those_alone_that_died(
        self, node: Node, capfd: pytest.CaptureFixture[str]
    ) -> None:
        before = state_of(node, capfd)
        node.supervisor._histories["members: judge"].kept._greenlet.kill(block=False)
        gevent.sleep(0.1)

        after = state_of(node, capfd)

        assert before.splitlines() == ["idle", "1 nodes"]
        assert after.splitlines()[2:] == [
            "a@test: members: judge runs, deaths: 1, the last: it was killed"
        ]
