"""``crowsg dist``: what it refuses before it asks anybody; with nodes: tests/integration."""

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from crowsg.cli import exit_code_of
from crowsg.cli.dist import _state
from crowsg.dist.overview import Overview
from crowsg.supervision import GreenletState

VERBS = ["do", "add", "remove", "update", "stop", "state", "nodes", "upload"]

Failed = Callable[..., tuple[int, str]]


@pytest.fixture
def failed(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Failed:
    """Give a function that runs a command; returns its code and the one line it said."""
    for name in ("NODE", "KEYS"):
        monkeypatch.delenv(f"CROWSG_{name}", raising=False)

    def failed(*arguments: str) -> tuple[int, str]:
        code = exit_code_of(["dist", *arguments])
        out, err = capfd.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        return code, err.removeprefix("error: ").rstrip()

    return failed


@pytest.fixture
def nobody() -> str:
    """Give an address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def silent() -> Iterator[str]:
    """Give an address at which somebody listens who never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["fly"], "No such command 'fly'", id="unknown-verb"),
        pytest.param(["do"], "Missing argument 'SCENARIO'", id="do-nothing"),
        pytest.param(["do", "x", "--users", "-1"], "--users", id="do-negative"),
        pytest.param(["do", "x", "--user-rate", "fast"], "is no rate", id="do-no-rate"),
        pytest.param(["do", "x", "--set", "size"], "is not NAME=VALUE", id="do-no-value"),
        pytest.param(["do", "x", "--set", "a=1", "--set", "a=2"], "set twice", id="do-twice"),
        pytest.param(["do", "x", "--config", "no.toml"], "no.toml", id="do-no-file"),
        pytest.param(["do", "x", "--stop-timeout", "soon"], "is no duration", id="do-no-duration"),
        pytest.param(["add"], "Missing argument 'COUNT'", id="add-nothing"),
        pytest.param(["add", "many"], "is not a valid integer", id="add-many"),
        pytest.param(["add", "--", "-1"], "-1 is not in the range", id="add-negative"),
        pytest.param(["remove", "all"], "is not a valid integer", id="remove-all"),
        pytest.param(["update"], "Missing argument 'NAME=VALUE...'", id="update-nothing"),
        pytest.param(["update", "size"], "is not NAME=VALUE", id="update-no-value"),
        pytest.param(["upload", "/no/such/file.py"], "does not exist", id="upload-nothing"),
        pytest.param(["do", "/no/such/file.py"], "/no/such/file.py", id="do-no-such-file"),
        pytest.param(["do", "no/such/folder"], "no/such/folder", id="do-no-such-folder"),
        pytest.param(["state", "--node", "::::x"], "is no", id="no-address"),
        pytest.param(["state", "--node", "127.0.0.1:no"], "whole number", id="no-port"),
        pytest.param(["stop", "now"], "unexpected extra argument", id="stop-now"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    failed: Failed, arguments: list[str], words: str
) -> None:
    code, line = failed(*arguments)

    assert code == 2
    assert words in line


@pytest.mark.parametrize("verb", ["do", "upload"])
def test_code_that_may_not_travel_is_refused_before_anybody_is_asked(
    failed: Failed, nobody: str, tmp_path: Path, verb: str
) -> None:
    path = tmp_path / "json.py"
    path.write_text("def init(): pass\ndef start(i): pass\n")

    code, line = failed(verb, str(path), "--node", nobody)

    assert code == 2
    assert "json" in line


def test_a_folder_without_keys_is_named(failed: Failed, tmp_path: Path) -> None:
    code, line = failed("state", "--keys", str(tmp_path))

    assert code == 2
    assert str(tmp_path) in line


@pytest.mark.wall_clock
@pytest.mark.parametrize("who", ["nobody", "silent"])
def test_an_address_that_does_not_answer_is_named_in_time(
    failed: Failed, request: pytest.FixtureRequest, who: str
) -> None:
    address, began = request.getfixturevalue(who), time.monotonic()

    code, line = failed("state", "--node", address)

    assert code == 4
    assert line.startswith(f"{address} ")
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_has_an_example_and_says_whom_to_ask(
    capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    assert exit_code_of(["dist", verb, "--help"]) == 0

    out = capsys.readouterr().out
    assert f"Example:\n    crowsg dist {verb}" in out
    for option in ("--node", "--keys", "--cluster", "--json"):
        assert f"  {option} " in out


def test_without_a_verb_all_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(["dist", "--help"]) == 0

    out = capsys.readouterr().out
    assert [verb for verb in VERBS if f"\n  {verb} " not in out] == []


class TestState:
    """What is said of the loops of nodes."""

    def said(self, greenlets: dict[str, Any]) -> list[str]:
        overview = Overview("idle", "", "", "", {}, ()).as_dict()
        return list(_state({**overview, "greenlets": greenlets}))

    def test_nothing_is_said_of_those_that_are_well(self) -> None:
        well = asdict(GreenletState("members: judge", is_running=True))

        assert self.said({"a@x": [well], "b@x": [well, well]}) == ["idle", "0 nodes"]

    @pytest.mark.parametrize(
        ("state", "line"),
        [
            pytest.param(
                GreenletState("dial", True, 2, "ValueError: broken"),
                "a@x: dial runs, deaths: 2, the last: ValueError: broken",
                id="died",
            ),
            pytest.param(
                GreenletState("dial", False, 1, "it returned"),
                "a@x: dial does not run, deaths: 1, the last: it returned",
                id="dead",
            ),
            pytest.param(
                GreenletState("dial", False), "a@x: dial does not run, deaths: 0", id="stopped"
            ),
        ],
    )
    def test_one_that_is_not_well_has_a_line(self, state: GreenletState, line: str) -> None:
        well = asdict(GreenletState("judge", is_running=True))

        assert self.said({"a@x": [well, asdict(state)]})[2:] == [line]

    def test_a_node_that_does_not_tell_has_a_line(self) -> None:
        assert self.said({"a@x": None})[2:] == ["a@x: did not tell in time how its loops are"]
