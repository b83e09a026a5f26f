"""The workers of ``crowsg run``: which are asked for, and what is refused before any is started."""

from collections.abc import Callable
from pathlib import Path

import pytest

from crowsg.cli import exit_code_of
from crowsg.cli.fleet import Fleet
from crowsg.dist.losses import Policy
from crowsg.processes import usable_cores

SCENARIO = "print('imported')\ndef init(): pass\ndef start(user_id): pass\n"

Refusal = Callable[..., str]


@pytest.fixture
def refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Refusal:
    """Give a function that starts a run; returns the one line it is refused with."""
    path = tmp_path / "not_run.py"
    path.write_text(SCENARIO)
    for name in ("NAME", "BIND", "KEYS"):
        monkeypatch.delenv(f"CROWSG_{name}", raising=False)
    monkeypatch.setenv("CROWSG_PROMETHEUS_PORT", "0")

    def refusal(*arguments: str) -> str:
        assert exit_code_of(["run", str(path), *arguments]) == 2
        out, err = capfd.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        return err.removeprefix("error: ").rstrip()

    return refusal


@pytest.mark.parametrize("count", ["0", "-1", "1.5", "many", "1001", "", "AUTO"])
def test_a_number_of_processes_is_one_or_more_or_auto(refusal: Refusal, count: str) -> None:
    assert f"{count!r} is no number of processes: try 4, or auto" in refusal("--nodes", count)


@pytest.mark.parametrize("count", ["0", "-1", "many"])
def test_somebody_must_be_expected(refusal: Refusal, count: str) -> None:
    assert "--expect-nodes" in refusal("--expect-nodes", count)


def test_waiting_takes_a_duration(refusal: Refusal) -> None:
    assert "is no duration" in refusal("--expect-nodes", "1", "--wait", "long")


@pytest.mark.parametrize("workers", [["--nodes", "2"], ["--expect-nodes", "2"]])
def test_a_run_that_others_can_reach_needs_keys(refusal: Refusal, workers: list[str]) -> None:
    assert "it needs keys" in refusal(*workers, "--bind", "0.0.0.0:0")


def test_a_folder_without_keys_is_named(refusal: Refusal, tmp_path: Path) -> None:
    assert str(tmp_path) in refusal("--nodes", "2", "--keys", str(tmp_path))


def test_a_name_that_is_none_is_refused(refusal: Refusal) -> None:
    assert "two words" in refusal("--nodes", "2", "--name", "two words")


def test_a_run_without_workers_is_of_this_process_alone() -> None:
    assert Fleet.of(None, None, 60.0, "0.0.0.0", None, "any") is None


@pytest.mark.parametrize(
    ("expected", "cluster", "name"),
    [
        pytest.param(1, None, "crowsg", id="the-usual"),
        pytest.param(None, None, "crowsg", id="the-usual-only-spawned"),
        pytest.param(1, "mine", "mine", id="expected"),
        pytest.param(None, "mine", "mine", id="only-spawned"),
    ],
)
def test_a_run_can_be_steered_by_the_name_of_its_cluster(
    expected: int | None, cluster: str | None, name: str
) -> None:
    fleet = Fleet.of(2, expected, 60.0, None, None, cluster)

    assert fleet is not None
    assert fleet.cluster == name


@pytest.mark.parametrize("policy", ["keep", "refill", "abort"])
def test_workers_can_only_be_lost_where_there_are_some(refusal: Refusal, policy: str) -> None:
    told = refusal("--on-node-loss", policy)

    assert told == "--on-node-loss goes with --nodes or --expect-nodes"


def test_a_run_is_only_reached_where_it_has_workers(refusal: Refusal) -> None:
    told = refusal("--advertise", "localhost")

    assert told == "--advertise goes with --nodes or --expect-nodes"


def test_what_follows_from_the_loss_of_a_worker_is_one_of_three(refusal: Refusal) -> None:
    assert "'keep', 'refill', 'abort'" in refusal("--nodes", "2", "--on-node-loss", "panic")


@pytest.mark.parametrize(
    ("given", "policy"), [(None, "keep"), ("keep", "keep"), ("refill", "refill")]
)
def test_a_run_goes_on_where_nobody_says_otherwise(given: Policy | None, policy: Policy) -> None:
    fleet = Fleet.of(2, None, 60.0, None, None, None, on_node_loss=given)

    assert fleet is not None
    assert fleet.on_node_loss == policy


def test_an_address_to_be_reached_at_that_is_none_is_named(refusal: Refusal) -> None:
    told = refusal("--nodes", "1", "--bind", "127.0.0.1:0", "--advertise", "one:port")

    assert told == "the cluster cannot use one:port: a port is a whole number from 0 to 65535"


def test_spawned_and_expected_workers_add_up() -> None:
    fleet = Fleet.of(usable_cores(), 3, 60.0, None, None, None)

    assert fleet is not None
    assert (fleet.spawned, fleet.expected) == (usable_cores(), 3)
