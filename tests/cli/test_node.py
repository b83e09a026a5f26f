"""``crowsg node``: what it refuses before it is a node; nodes that live: tests/integration."""

from collections.abc import Callable
from pathlib import Path

import pytest

from crowsg.cli import exit_code_of
from crowsg.cli.node import nodes_of

Refusal = Callable[..., str]


@pytest.fixture
def refusal(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Refusal:
    """Give a function that runs a command and returns the one line it is refused with."""
    for name in ("NAME", "BIND", "KEYS", "NODES", "STALL_TIMEOUT", "JOURNAL"):
        monkeypatch.delenv(f"CROWSG_{name}", raising=False)
    monkeypatch.setenv("CROWSG_PROMETHEUS_PORT", "0")

    def refusal(*arguments: str, **environment: str) -> str:
        for name, text in environment.items():
            monkeypatch.setenv(name, text)
        assert exit_code_of(["node", *arguments]) == 2
        out, err = capfd.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        return err.removeprefix("error: ").rstrip()

    return refusal


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "192.0.2.7", "example.org"])
def test_an_address_that_others_can_reach_needs_keys(refusal: Refusal, host: str) -> None:
    assert refusal("--bind", f"{host}:0").endswith(
        "others can reach it, so it needs keys: crowsg keys new, then --keys DIR"
    )


def test_the_environment_is_refused_with_the_same_words(refusal: Refusal) -> None:
    assert "it needs keys" in refusal(CROWSG_BIND="0.0.0.0:0")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        pytest.param("127.0.0.1:port", "a port is a whole number", id="word-for-port"),
        pytest.param("127.0.0.1:65536", "a port is a whole number", id="port-too-large"),
        pytest.param("tcp://127.0.0.1:1", "127.0.0.1", id="url"),
        pytest.param(":9400", "that is no host[:port]", id="no-host"),
    ],
)
@pytest.mark.parametrize("option", ["--bind", "--join"])
def test_an_address_that_is_none_is_named(
    refusal: Refusal, option: str, address: str, words: str
) -> None:
    bind = [] if option == "--bind" else ["--bind", "127.0.0.1:0"]

    assert words in refusal(option, address, *bind)


def test_known_nodes_of_the_environment_are_read_alike(refusal: Refusal) -> None:
    known = '["127.0.0.1:1", "127.0.0.1:nowhere"]'

    assert "127.0.0.1:nowhere" in refusal("--bind", "127.0.0.1:0", CROWSG_NODES=known)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param(" , ", [], id="commas-only"),
        pytest.param("one", ["one"], id="one"),
        pytest.param("one:1, two:2", ["one:1", "two:2"], id="commas"),
        pytest.param("['one:1', \"two:2\"]", ["one:1", "two:2"], id="list"),
        pytest.param("[]", [], id="empty-list"),
        pytest.param("[::1]:9400, [::1]:9401", ["[::1]:9400", "[::1]:9401"], id="version-6"),
        pytest.param("[" * 5000, ["[" * 5000], id="nonsense"),
        pytest.param("7", ["7"], id="a-number"),
    ],
)
def test_known_nodes_are_a_list_or_have_commas_between(text: str, expected: list[str]) -> None:
    assert nodes_of(text) == expected


def test_an_address_that_is_none_is_not_said_to_be_listened_on(refusal: Refusal) -> None:
    told = refusal("--bind", "127.0.0.1:0", "--join", "one:port")

    assert told == "the cluster cannot use one:port: a port is a whole number from 0 to 65535"


@pytest.mark.parametrize("name", ["two words", "@here", "a@b@c", "a/b", "x" * 300])
def test_a_name_that_is_none_is_refused(refusal: Refusal, name: str) -> None:
    assert name[:20] in refusal("--name", name, "--bind", "127.0.0.1:0")


def test_a_folder_without_keys_is_named(refusal: Refusal, tmp_path: Path) -> None:
    assert str(tmp_path) in refusal("--keys", str(tmp_path), "--bind", "127.0.0.1:0")


def test_a_file_is_no_folder_of_keys(refusal: Refusal, tmp_path: Path) -> None:
    (tmp_path / "keys").touch()

    assert "is a file" in refusal("--keys", str(tmp_path / "keys"))


def test_an_address_to_be_reached_at_that_is_none_is_named(refusal: Refusal) -> None:
    told = refusal("--bind", "127.0.0.1:0", "--advertise", "one:port")

    assert told == "the cluster cannot use one:port: a port is a whole number from 0 to 65535"


@pytest.mark.parametrize("text", ["soon", "-1", "nan"])
def test_a_time_to_be_blocked_that_is_none_is_refused(refusal: Refusal, text: str) -> None:
    assert "is no duration" in refusal("--stall-timeout", text)


def test_a_time_to_be_blocked_of_the_environment_is_refused_too(refusal: Refusal) -> None:
    told = refusal(CROWSG_STALL_TIMEOUT="soon")

    assert told == "CROWSG_STALL_TIMEOUT is a duration such as 5s, 0 for never, not 'soon'"


@pytest.mark.parametrize("where", ["option", "environment"])
def test_a_journal_that_cannot_be_written_is_named(
    refusal: Refusal, tmp_path: Path, where: str
) -> None:
    (tmp_path / "file").touch()
    folder = str(tmp_path / "file" / "journal")

    arguments = ["--journal", folder] if where == "option" else []
    environment = {} if arguments else {"CROWSG_JOURNAL": folder}

    told = refusal(*arguments, **environment)

    assert told.startswith(f"the journal {folder}/node")


def test_a_journal_needs_a_folder(refusal: Refusal) -> None:
    assert refusal("--journal", "").endswith("a folder has a name")


def test_there_is_nothing_to_run(refusal: Refusal) -> None:
    assert "unexpected extra argument" in refusal("scenarios/messaging.py")


def test_the_help_has_an_example_and_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(["node", "--help"]) == 0

    out = capsys.readouterr().out
    assert "Example:\n    crowsg node --name worker1" in out
    options = ("--name", "--bind", "--advertise", "--join", "--keys", "--cluster")
    for option in (*options, "--stall-timeout", "--journal"):
        assert f"  {option} " in out
    assert "--parent" not in out


def test_the_help_tells_when_a_node_ends_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(["node", "--help"]) == 0

    told = " ".join(capsys.readouterr().out.split())
    reasons = "users of a run that is over", "code that blocks the event loop", "a loop that keeps"
    assert [reason in told.partition("exit code 5")[2] for reason in reasons] == [True] * 3
