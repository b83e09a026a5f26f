"""amoc's cluster suite with processes: a master and two workers, then a third, in one story."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from crowsg import code
from crowsg.cluster.zerorpc_link import ZerorpcLink
from crowsg.dist.overview import NodeInfo
from crowsg.node import Node
from tests.support.cluster_processes import NodeProcess, Programs, programs, until

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock]

MASTER, FIRST, SECOND, THIRD = (f"{name}@here" for name in ("master", "w1", "w2", "w3"))
WORKERS = {FIRST, SECOND, THIRD}
SCENARIO = "story_of_a_cluster"

HELPER = """
from crowsg import Variable
required_variables = [Variable("helped", "declared by a helper", "by the helper")]
"""
STORY = """
import json
from pathlib import Path

import helper_of_the_story
from crowsg import Variable, config, users
from crowsg.context import current_node
from crowsg.errors import InvalidSetting

def is_even(value):
    return value % 2 == 0

def doubled(value):
    return True, 2 * value

required_variables = [
    Variable("folder", "where nodes leave their traces"),
    Variable("listed", "verified by a list", "crow", ["crow", "raven"]),
    Variable("even", "verified by a function", 2, is_even),
    Variable("preprocessed", "what its verification makes of it", 21, doubled),
    Variable("untouched", "nobody sets it", 7),
    Variable("given", "set with the run", "by nobody"),
    Variable("updated", "set while the run goes on", 1, update=True),
]
TOLD = "listed", "even", "preprocessed", "untouched", "given", "updated", "helped"

def here():
    folder = Path(config.get("folder"), current_node().name)
    (folder / "users").mkdir(parents=True, exist_ok=True)
    return folder

def init():
    told = {name: config.get(name) for name in TOLD}
    try:
        config.get("undeclared")
    except InvalidSetting as error:
        told["undeclared"] = type(error).__name__
    (here() / "init.json").write_text(json.dumps(told))

def start(user_id):
    trace = here() / "users" / str(user_id)
    trace.touch()
    try:
        users.sleep(1000)
    finally:
        trace.unlink()
"""

Ids = Mapping[str, tuple[int, ...]]


@dataclass
class Story:
    """What came of each chapter."""

    met: dict[str, set[str]] = field(default_factory=dict)
    distributed: list[Any] = field(default_factory=list)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    users: dict[str, Ids] = field(default_factory=dict)
    master_state: str = ""
    third_sees: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    inits: dict[str, dict[str, Any]] = field(default_factory=dict)


class Teller:
    """The master, in the process of the tests, and the traces of its workers."""

    def __init__(self, node: Node, started: Programs, folder: Path) -> None:
        self.node = node
        self.started = started
        self.folder = folder
        self.story = Story()
        self.nodes: dict[str, NodeProcess] = {}

    def start(self, name: str) -> None:
        """Start a worker that is told of the master alone."""
        self.nodes[name] = self.started.node(name, CROWSG_NODES=self.node.station.address)

    def info(self, name: str) -> NodeInfo | None:
        """Return how the master sees a node."""
        return next((each for each in self.node.dist.nodes() if each.name == name), None)

    def look(self, chapter: str, count: int) -> None:
        """Wait until so many users are there, and note where each is."""
        until(lambda: len(ids_of(self._ids())) == count)
        self.story.users[chapter] = self._ids()

    def _ids(self) -> Ids:
        return {
            name: tuple(sorted(int(each.name) for each in (self.folder / name).glob("users/*")))
            for name in WORKERS
        }


def ids_of(users: Ids) -> list[int]:
    return sorted(chain.from_iterable(users.values()))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    paths, folder = tmp_path_factory.mktemp("paths"), tmp_path_factory.mktemp("traces")
    (paths / f"{SCENARIO}.py").write_text(STORY)
    (paths / "helper_of_the_story.py").write_text(HELPER)
    environment = {"CROWSG_EXTRA_CODE_PATHS": str(paths)}
    with programs() as started, Node(MASTER, environment=environment) as node:
        node.enter_cluster(ZerorpcLink("127.0.0.1", 0, spawn=node.spawn))
        teller = Teller(node, started, folder)
        tell_of_the_mesh(teller)
        tell_of_the_code(teller)
        tell_of_two_workers(teller)
        tell_of_the_third(teller)
        tell_of_the_users(teller)
        yield teller.story


def tell_of_the_mesh(teller: Teller) -> None:
    for name in (FIRST, SECOND):
        teller.start(name)
    for name in (FIRST, SECOND):
        found = teller.started.until_met(teller.nodes[name].address, 3)
        teller.story.met[name] = {each["name"] for each in found}
    teller.story.met[MASTER] = {each.name for each in teller.node.dist.nodes()}


def tell_of_the_code(teller: Teller) -> None:
    code.add_module(SCENARIO)
    teller.story.distributed = [code.distribute([FIRST]), code.distribute()]


def tell_of_two_workers(teller: Teller) -> None:
    settings = {"folder": str(teller.folder), "given": "by the run", "user_rate": "infinity"}
    teller.story.answers["do"] = teller.node.dist.do(SCENARIO, 10, settings)
    teller.story.master_state = teller.node.controller.status().state
    teller.look("do", 10)
    teller.node.dist.update_settings({"updated": 2})


def tell_of_the_third(teller: Teller) -> None:
    teller.start(THIRD)
    until(lambda: getattr(teller.info(THIRD), "role", "") == "worker")
    found = teller.started.told(teller.nodes[THIRD].address, "nodes")
    teller.story.third_sees = {each["name"]: each for each in found}
    teller.story.inits = {
        name: json.loads((teller.folder / name / "init.json").read_text()) for name in WORKERS
    }


def tell_of_the_users(teller: Teller) -> None:
    dist, answers = teller.node.dist, teller.story.answers
    answers["add"] = dist.add(20)
    teller.look("add", 30)
    answers["remove"] = dist.remove(10, force=True)
    teller.look("remove", 20)
    answers["remove all"] = dist.remove(20, force=True)
    teller.look("remove all", 0)
    answers["add again"] = dist.add(20)
    teller.look("add again", 20)
    answers["stop"] = dist.stop()


def test_a_mesh_of_nodes_that_know_only_the_master(story: Story) -> None:
    """amoc case 120: test_amoc_cluster."""
    everybody = {MASTER, FIRST, SECOND}

    assert all(story.met[name] == everybody for name in everybody)


def test_code_goes_to_the_nodes_it_is_meant_for(story: Story) -> None:
    """amoc case 121: test_distribute_scenario."""
    assert story.distributed[0] == {FIRST: {SCENARIO: "sent"}}


def test_other_nodes_did_not_have_it(story: Story) -> None:
    """amoc case 121: test_distribute_scenario, the worker that was left out."""
    assert story.distributed[1] == {FIRST: {SCENARIO: "known"}, SECOND: {SCENARIO: "sent"}}


def test_a_run_answers_with_both_workers(story: Story) -> None:
    """amoc case 122: test_run_scenario."""
    assert story.answers["do"] == {FIRST: 5, SECOND: 5}


def test_a_node_that_joins_a_run_is_its_worker(story: Story) -> None:
    """amoc case 123: test_add_new_node, a late joiner (R14)."""
    third = story.third_sees[THIRD]

    assert (third["state"], third["role"], third["scenario_state"]) == ("up", "worker", "running")


def test_a_node_that_joins_a_run_has_its_settings(story: Story) -> None:
    """amoc case 123: test_add_new_node, the settings; those that were updated since, too (R14)."""
    assert (story.inits[THIRD]["given"], story.inits[THIRD]["updated"]) == ("by the run", 2)


def test_the_master_carries_no_users(story: Story) -> None:
    """amoc case 124: helper check, the master."""
    assert story.master_state == "disabled"


def test_ids_are_without_gaps_over_the_first_two(story: Story) -> None:
    """amoc case 124: helper check, the first users."""
    assert story.users["do"] == {FIRST: (1, 2, 3, 4, 5), SECOND: (6, 7, 8, 9, 10), THIRD: ()}


def test_users_that_are_added_reach_the_third(story: Story) -> None:
    """amoc case 124: helper check, 20 more; a late joiner has its share (R14)."""
    assert ids_of(story.users["add"]) == list(range(1, 31))
    assert {name: len(ids) for name, ids in story.users["add"].items()} == {
        name: {FIRST: 5, SECOND: 5, THIRD: 0}[name] + story.answers["add"][name] for name in WORKERS
    }
    assert set(story.answers["add"].values()) == {6, 7}


def test_users_are_removed_by_force(story: Story) -> None:
    """amoc case 124: helper check, 10 removed."""
    before, after = story.users["add"], story.users["remove"]
    gone = {name: len(before[name]) - len(after[name]) for name in WORKERS}

    assert gone == story.answers["remove"]
    assert sum(gone.values()) == 10
    assert all(after.values())


def test_the_highest_id_stays(story: Story) -> None:
    """amoc case 124: helper check, the highest id after a removal."""
    assert ids_of(story.users["remove"])[-1] == 30


def test_all_users_there_are_can_be_removed(story: Story) -> None:
    """amoc case 124: helper check, all removed; exactly as many as asked, unlike there."""
    there = {name: len(ids) for name, ids in story.users["remove"].items()}

    assert story.answers["remove all"] == there


def test_ids_go_on_after_the_old_highest(story: Story) -> None:
    """amoc case 124: helper check, 20 more after all were removed."""
    assert ids_of(story.users["add again"]) == list(range(31, 51))


def test_a_stop_finishes_everywhere(story: Story) -> None:
    """amoc case 124: helper check, the stop."""
    assert story.answers["stop"] == dict.fromkeys(WORKERS, "finished")


@pytest.mark.parametrize("name", sorted(WORKERS))
def test_init_finds_its_settings(story: Story, name: str) -> None:
    """amoc case 125: dummy_scenario init."""
    assert story.inits[name] == {
        "listed": "crow",
        "even": 2,
        "preprocessed": 42,
        "untouched": 7,
        "given": "by the run",
        "updated": 2 if name == THIRD else 1,
        "helped": "by the helper",
        "undeclared": "InvalidSetting",
    }
