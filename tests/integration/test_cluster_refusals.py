"""Who is refused by a cluster, and how everybody concerned is told: keys, names, clusters."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from crowsg.cli.joining import host_name
from crowsg.cluster.keys import allow, new_node_key
from tests.support.cluster_processes import NodeProcess, Program, Programs, programs, until

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock]

OTHER_LOOPBACK = "127.0.0.2:0"


@pytest.fixture
def started() -> Iterator[Programs]:
    with programs() as started:
        yield started


@pytest.fixture(scope="module")
def open_node() -> Iterator[NodeProcess]:
    """Give a node that asks for no key, and that nobody has disturbed before."""
    with programs() as started:
        yield listening(started.node("first@here"))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the key of a cluster."""
    return new_keys(tmp_path_factory.mktemp("keys") / "keys")


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the key of another cluster."""
    return new_keys(tmp_path_factory.mktemp("foreign") / "keys")


@pytest.fixture(scope="module")
def locked(keys: Path) -> Iterator[NodeProcess]:
    """Give a node that asks for that key."""
    with programs() as started:
        node = started.node("locked@here", "--bind", OTHER_LOOPBACK, "--keys", str(keys))
        yield listening(node)


def listening(node: NodeProcess) -> NodeProcess:
    assert node.address
    return node


def new_keys(folder: Path) -> Path:
    command = [sys.executable, "-m", "crowsg", "keys", "new", "--keys", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def error_of(program: Program) -> str:
    """Return the one error that a command ended with."""
    program.code(20)
    found = [line for line in program.err if line.startswith("error: ")]
    assert (len(found), program.err[-1:], program.out) == (1, found, [])
    return found[0]


def test_nodes_with_the_key_meet(started: Programs, locked: NodeProcess, keys: Path) -> None:
    node = started.node("friend@here", "--join", locked.address, "--keys", str(keys))

    def have_met() -> bool:
        answer = started.told(node.address, "nodes", "--keys", str(keys))
        return {each["name"] for each in answer} == {"locked@here", "friend@here"}

    until(have_met, 20)


def test_a_command_with_the_key_is_answered(
    started: Programs, locked: NodeProcess, keys: Path
) -> None:
    assert started.told(locked.address, "state", "--keys", str(keys))["state"] == "idle"


@pytest.mark.parametrize("how", ["none", "foreign"])
@pytest.mark.parametrize("command", ["node", "dist"])
def test_whoever_has_not_the_key_is_refused_and_told_why(
    started: Programs, locked: NodeProcess, foreign: Path, how: str, command: str
) -> None:
    given = [] if how == "none" else ["--keys", str(foreign)]
    if command == "node":
        program: Program = started.node("stranger@here", "--join", locked.address, *given)
    else:
        program = started.dist(locked.address, "state", *given)

    why = {
        "none": f"{locked.address} asks for a key, and this node has none: give it --keys DIR",
        "foreign": f"{locked.address} has another key than this node expects there, or none",
    }
    assert program.code(20) == 4
    assert error_of(program) == f"error: {why[how]}\n"


def test_a_node_without_keys_is_not_taken_for_one_with(
    started: Programs, open_node: NodeProcess, keys: Path
) -> None:
    program = started.dist(open_node.address, "state", "--keys", str(keys))

    assert program.code() == 4
    # Which of the two depends on whether it hung up before it was understood.
    why = "uses no keys, or is no node of crowsg", "has another key than this node expects there"
    assert error_of(program).startswith(tuple(f"error: {open_node.address} {each}" for each in why))


def test_strangers_change_nothing(
    started: Programs, locked: NodeProcess, keys: Path, foreign: Path
) -> None:
    for given in ([], ["--keys", str(foreign)]):
        started.node("stranger@here", "--join", locked.address, *given).code(20)

    names = [each["name"] for each in started.told(locked.address, "nodes", "--keys", str(keys))]
    assert "stranger@here" not in names
    assert "locked@here" in names


def test_a_key_of_its_own_binds_a_node_to_its_name(started: Programs, tmp_path: Path) -> None:
    folder = new_keys(tmp_path / "keys")
    for name in ("one@here", "two@here", f"operator@{host_name()}"):
        allow(folder, new_node_key(folder, name))
    first = started.node("one@here", "--keys", str(folder))
    started.node("two@here", "--keys", str(folder), "--join", first.address)
    until(lambda: "two@here" in names_of(started, first, folder), 20)

    forged = folder / "three@here.key"
    forged.touch(0o600)
    forged.write_text((folder / "two@here.key").read_text().replace("two@here", "three@here"))
    third = started.node("three@here", "--keys", str(folder), "--join", first.address)

    assert third.code(20) == 4
    assert "two@here" in error_of(third)
    assert "three@here" not in names_of(started, first, folder)


def names_of(started: Programs, node: NodeProcess, folder: Path) -> list[str]:
    answer = started.told(node.address, "nodes", "--keys", str(folder))
    return [each["name"] for each in answer]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["node", "--name", "open@here"], id="node"),
        pytest.param(["run", "scenarios/messaging.py", "--nodes", "1"], id="run"),
    ],
)
@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.org:0"])
def test_nobody_listens_where_others_can_come_without_keys(
    started: Programs, arguments: list[str], address: str
) -> None:
    program = started.start(*arguments, "--bind", address)

    assert program.code(20) == 2
    assert "needs keys: crowsg keys new, then --keys DIR" in error_of(program)
    assert len(program.err) == 1


def test_a_port_that_was_asked_for_must_be_free(started: Programs, open_node: NodeProcess) -> None:
    program = started.start("node", "--name", "late@here", "--bind", open_node.address)

    assert program.code(20) == 2
    assert f"cannot listen on {open_node.address}: " in error_of(program)


def test_keys_that_are_not_there_are_named(started: Programs, tmp_path: Path) -> None:
    program = started.node("lost@here", "--keys", str(tmp_path / "none"))

    assert program.code(20) == 2
    assert str(tmp_path / "none") in error_of(program)


def test_a_name_that_is_taken_is_refused_on_both_sides(
    started: Programs, open_node: NodeProcess
) -> None:
    """R12: the second is told why."""
    second = started.node("first@here", "--join", open_node.address)

    why = "the name first@here belongs to a node that is alive"
    assert second.code(20) == 4
    assert error_of(second) == f"error: {why}\n"
    open_node.until_said(f"refused first@here at .*: {why}")


def test_a_node_of_another_cluster_is_refused_on_both_sides(
    started: Programs, open_node: NodeProcess
) -> None:
    second = started.node("astray@here", "--join", open_node.address, "--cluster", "other")

    why = "first@here belongs to the cluster 'crowsg', not 'other'"
    assert second.code(20) == 4
    assert error_of(second) == f"error: {why}\n"
    open_node.until_said(f"refused what astray@here sent: {why}")


def test_a_command_for_another_cluster_is_refused(
    started: Programs, open_node: NodeProcess
) -> None:
    program = started.dist(open_node.address, "state", "--cluster", "other")

    assert program.code() == 4
    assert "belongs to the cluster 'crowsg', not 'other'" in error_of(program)


def test_the_node_they_came_to_is_undisturbed(started: Programs, open_node: NodeProcess) -> None:
    """R12: the first does not notice."""
    started.node("first@here", "--join", open_node.address).code(20)
    started.node("astray@here", "--join", open_node.address, "--cluster", "other").code(20)

    assert [each["name"] for each in started.told(open_node.address, "nodes")] == ["first@here"]
    assert not open_node.has_ended
