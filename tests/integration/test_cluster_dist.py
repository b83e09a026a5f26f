"""``crowsg dist`` against nodes in processes of their own, from nothing to stopped and again."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import gevent
import pytest

from crowsg.cli.joining import CLUSTER
from crowsg.clock import MonotonicClock
from crowsg.cluster.zerorpc_link import ZerorpcLink
from crowsg.code.server import CodeServer
from crowsg.dist.client import Client
from crowsg.dist.run_settings import packed
from tests.support.cluster_processes import NodeProcess, Program, Programs, programs, until

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock]

FIRST, SECOND, THIRD = "first@here", "second@here", "third@here"
IDLE = """
from crowsg import Variable, users

required_variables = [
    Variable("size", "at most nine", 1, range(10), update="tell"),
    Variable("fixed", "for the whole run", 1),
]

def tell(name, value):
    print(name, "is", value, flush=True)

def init():
    pass

def start(user_id):
    users.sleep(1000)
"""
START = "def start(user_id): pass\n"


class Cluster:
    """Three nodes, steered through the first."""

    def __init__(self, started: Programs, folder: Path) -> None:
        self._started = started
        self.first = started.node(FIRST)
        join = "--join", self.first.address
        self.second = started.node(SECOND, *join)
        self.third = started.node(THIRD, *join)
        started.until_met(self.first.address, 3)
        link = ZerorpcLink("127.0.0.1", 0)
        self._client = Client("tests@here", CLUSTER, link, MonotonicClock(), gevent.spawn)
        self.scenario = folder / "idle_users.py"
        self.scenario.write_text(IDLE)

    def told(self, *arguments: str, node: NodeProcess | None = None) -> Any:
        """Return what ``crowsg dist`` says in JSON."""
        return self._started.told((node or self.first).address, *arguments)

    def dist(self, *arguments: str, node: NodeProcess | None = None) -> Program:
        """Run ``crowsg dist`` to its end."""
        return self._started.dist((node or self.first).address, *arguments)

    def do(self, users: int) -> Any:
        """Start the scenario; a run before is stopped."""
        self.free()
        peer = self._client.connect(self.first.address)
        self._client.upload(peer, CodeServer([]).bundle_of(self.scenario))
        settings = packed({"user_rate": "infinity"})
        told = {"scenario": self.scenario.stem, "count": users, "settings": settings}
        answer = self._client.ask(peer, "do", told)
        until(lambda: self.running() == users, 20)
        return answer

    def free(self) -> None:
        """Stop what the cluster runs."""
        if self.state()["state"] == "running":
            self._ask("stop")

    def state(self) -> Any:
        """Return what the first node says, without a process."""
        return self._ask("overview")

    def running(self) -> int:
        """Return how many users are running."""
        return int(self.state()["users"]["running"])

    def close(self) -> None:
        """Let go of the node that is asked."""
        self._client.close()

    def _ask(self, verb: str) -> Any:
        return self._client.ask(self._client.connect(self.first.address), verb, {})


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with three_nodes(tmp_path_factory.mktemp("scenarios")) as cluster:
        yield cluster


@contextmanager
def three_nodes(folder: Path) -> Iterator[Cluster]:
    with programs() as started, closing(Cluster(started, folder)) as cluster:
        yield cluster


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], str]:
    def write(name: str, text: str) -> str:
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write


def error_of(program: Program) -> str:
    """Return the only line that a command said."""
    assert (len(program.err), program.out) == (1, [])
    return program.err[0].removeprefix("error: ").rstrip()


def test_a_file_of_this_machine_is_run_by_all_others(cluster: Cluster) -> None:
    cluster.free()

    answer = cluster.told("do", str(cluster.scenario), "--users", "10", "--user-rate", "inf")

    assert answer == {SECOND: 5, THIRD: 5}
    until(lambda: cluster.running() == 10, 20)


def test_the_state_says_who_leads_what(cluster: Cluster) -> None:
    cluster.do(10)

    state = cluster.told("state")
    assert (state["state"], state["master"]) == ("running", FIRST)
    assert (state["scenario"], state["users"]["asked"]) == ("idle_users", 10)


def test_every_node_says_the_same(cluster: Cluster) -> None:
    cluster.do(10)

    told = [cluster.told("state", node=node) for node in (cluster.first, cluster.second)]
    assert told[0] == told[1]


def test_nodes_are_a_table_for_people(cluster: Cluster) -> None:
    cluster.do(10)

    rows = [line.split() for line in cluster.dist("nodes").out]
    assert rows[0] == ["NAME", "ADDRESS", "STATE", "ROLE", "WAITING", "RUNNING"]
    assert [[row[0], *row[2:]] for row in sorted(rows[1:])] == [
        [FIRST, "up", "master", "0", "0"],
        [SECOND, "up", "worker", "0", "5"],
        [THIRD, "up", "worker", "0", "5"],
    ]


def test_the_state_is_lines_for_people(cluster: Cluster) -> None:
    cluster.do(10)

    lines = cluster.dist("state").out
    assert lines[0] == f"running, led by {FIRST}\n"
    assert lines[1].startswith("idle_users, run ")
    assert lines[2:] == ["users: 10 asked, 10 running\n", "3 nodes\n"]


def test_users_are_added_and_removed_through_any_node(cluster: Cluster) -> None:
    cluster.do(10)
    added = cluster.told("add", "10", "--nodes", THIRD, node=cluster.second)
    until(lambda: cluster.running() == 20, 20)

    removed = cluster.told("remove", "12", "--force", node=cluster.third)

    until(lambda: cluster.running() == 8, 20)
    assert (added, sum(removed.values())) == ({THIRD: 10}, 12)


def test_settings_are_updated_everywhere(cluster: Cluster) -> None:
    cluster.do(2)

    answer = cluster.told("update", "size=7")

    assert answer == {SECOND: "updated", THIRD: "updated"}
    nodes = cluster.second, cluster.third
    until(lambda: all("size is 7\n" in node.out for node in nodes), 5)


def test_a_run_is_stopped_and_can_be_followed_by_another(cluster: Cluster) -> None:
    cluster.do(10)

    stopped = cluster.told("stop", node=cluster.second)

    state = cluster.state()
    assert stopped == {SECOND: "finished", THIRD: "finished"}
    assert (state["state"], state["users"]["removed"]) == ("stopped", 10)
    assert cluster.do(4) == {SECOND: 2, THIRD: 2}


def test_a_stopped_cluster_takes_a_new_version(
    cluster: Cluster, write: Callable[[str, str], str]
) -> None:
    for version in ("old", "new"):
        path = write("versioned.py", f"def init(): print('{version}', flush=True)\n{START}")
        cluster.free()
        cluster.told("do", path, "--users", "1")

    # What the node printed comes by a pipe.
    versions = "old\n", "new\n"
    until(lambda: [line for line in cluster.third.out if line in versions] == [*versions], 5)


def test_code_is_brought_to_every_node(cluster: Cluster, write: Callable[[str, str], str]) -> None:
    path = write("uploaded.py", f"def init(): pass\n{START}")
    cluster.free()

    first, second = cluster.told("upload", path), cluster.told("upload", path)

    assert set(first) == set(second) == {FIRST, SECOND, THIRD}
    assert (first[THIRD]["uploaded"], second[THIRD]["uploaded"]) == ("sent", "known")


def test_what_was_uploaded_is_run_by_its_name(
    cluster: Cluster, write: Callable[[str, str], str]
) -> None:
    cluster.free()
    cluster.told("upload", write("named.py", f"def init(): pass\n{START}"))

    assert cluster.told("do", "named", "--users", "2") == {SECOND: 1, THIRD: 1}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param(["add", "5", "--nodes", "nobody@here"], 4, "nobody@here", id="add-unknown"),
        pytest.param(["add", "5", "--nodes", FIRST], 4, FIRST, id="add-master"),
        pytest.param(["remove", "5", "--nodes", "nobody@here"], 4, "nobody@here", id="remove"),
        pytest.param(["update", "size=99"], 2, "size", id="refused-value"),
        pytest.param(["update", "fixed=2"], 2, "fixed", id="read-only"),
        pytest.param(["update", "unknown=2"], 2, "unknown", id="undeclared"),
        pytest.param(["do", "idle_users"], 4, "already: stop it first", id="running-already"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    cluster: Cluster, arguments: list[str], code: int, words: str
) -> None:
    if cluster.state()["state"] != "running":
        cluster.do(2)

    program = cluster.dist(*arguments)

    assert (program.code(), words in error_of(program)) == (code, True)


def test_an_update_that_is_refused_is_told_to_no_node(cluster: Cluster) -> None:
    cluster.do(2)

    refused = cluster.dist("update", "size=3", "fixed=2")
    cluster.told("update", "size=4")

    until(lambda: "size is 4\n" in cluster.second.out, 5)
    assert refused.code() == 2
    assert "size is 3\n" not in cluster.second.out + cluster.third.out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param(["add", "5"], 4, "add is for the master of a run", id="add"),
        pytest.param(["remove", "5"], 4, "remove is for the master of a run", id="remove"),
        pytest.param(["update", "size=1"], 4, "is for the master of a run", id="update"),
        pytest.param(["stop"], 4, "stop is for the master of a run", id="stop"),
        pytest.param(["do", "no_such_scenario"], 2, "no_such_scenario", id="unknown-scenario"),
        pytest.param(["do", "SCENARIO", "--set", "size=99"], 2, "size", id="refused-setting"),
        pytest.param(["do", "SCENARIO", "--set", "nothing=1"], 2, "nothing", id="undeclared"),
        pytest.param(["do", "BROKEN"], 2, "start is missing", id="broken-scenario"),
        pytest.param(["do", "FAILING"], 3, "init failed: RuntimeError: no", id="failing-init"),
    ],
)
def test_what_cannot_be_done_without_a_run_is_one_line(
    cluster: Cluster,
    write: Callable[[str, str], str],
    arguments: list[str],
    code: int,
    words: str,
) -> None:
    cluster.free()
    files = {
        "SCENARIO": str(cluster.scenario),
        "BROKEN": write("broken.py", "def init(): pass\n"),
        "FAILING": write("failing.py", f"def init(): raise RuntimeError('no')\n{START}"),
    }

    program = cluster.dist(*[files.get(each, each) for each in arguments])

    line = error_of(program)
    assert words in line
    assert program.code() in ((3, 4) if code == 3 else (code,))


def test_a_start_that_is_refused_leaves_the_cluster_free(
    cluster: Cluster, write: Callable[[str, str], str]
) -> None:
    cluster.free()
    path = write("failing.py", f"def init(): raise RuntimeError('no')\n{START}")

    cluster.dist("do", path)

    assert cluster.state()["state"] == "idle"
    assert cluster.do(2) == {SECOND: 1, THIRD: 1}


def test_a_lone_node_has_no_workers(cluster: Cluster) -> None:
    with programs() as started:
        lone = started.node("lone@here")
        program = started.dist(lone.address, "do", str(cluster.scenario))

    assert (program.code(), "no worker has joined" in error_of(program)) == (4, True)


def test_json_is_the_only_thing_on_stdout(cluster: Cluster) -> None:
    program = cluster.dist("nodes", "--json")

    assert {each["name"] for each in json.loads("".join(program.out))} == {FIRST, SECOND, THIRD}
    assert program.err == []


def test_a_node_that_has_led_works_for_the_next_that_leads(tmp_path: Path) -> None:
    with three_nodes(tmp_path) as cluster:
        cluster.do(2)
        cluster.free()

        answer = cluster.told("do", str(cluster.scenario), "--users", "2", node=cluster.second)

    assert answer == {FIRST: 1, THIRD: 1}
