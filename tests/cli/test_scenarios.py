import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from crowsg.cli.scenarios import list_scenarios, scenarios, show_scenario
from crowsg.errors import CodePathError, InvalidScenario, NoSuchScenario

CHAT = '''# /// script
# requires-python = ">=3.11"
# dependencies = ["click", "no-such-package>=2"]
# ///
"""Users greet each other.

Every one of them.
"""
import no_such_package
import peers
from crowsg import Variable

required_variables = [
    Variable("host", "host under test", default="127.0.0.1"),
    Variable("password", "its password", default="hunter2", secret=True),
    Variable("rate", "greetings, as a rate", default="100/min", update="set_rate"),
    Variable("given", "must be given", verify=range(1, 9), update=True),
]
override_variables = [Variable("port", "my port", default=1234)]

def init(): pass
def start(user_id): pass
'''
PEERS = "required_variables = [Variable('port', 'a port', 80), Variable('wait', 'a time', 60 * 2)]"

Run = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The scenarios of a working folder: one, and its helper."""
    found = tmp_path / "scenarios"
    found.mkdir()
    (found / "chat.py").write_text(CHAT, encoding="utf-8")
    (found / "peers.py").write_text(PEERS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for name in ("CROWSG_EXTRA_CODE_PATHS", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    return found


@pytest.fixture
def run(folder: Path) -> Run:
    """Returns a function that runs a command to its good end."""

    def invoke(*arguments: str, **environment: str) -> Result:
        return CliRunner().invoke(scenarios, arguments, env=environment, catch_exceptions=False)

    return invoke


@pytest.fixture
def info(run: Run) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(run("info", "chat", "--json").stdout)
    return data


def test_the_list_shows_name_summary_and_file(run: Run) -> None:
    assert run("list").stdout.splitlines() == [
        "scenario  what it does             file",
        "chat      Users greet each other.  scenarios/chat.py",
    ]


def test_without_a_command_the_scenarios_are_listed(run: Run) -> None:
    assert run().stdout == run("list").stdout


def test_the_list_comes_as_json(run: Run, folder: Path) -> None:
    assert json.loads(run("list", "--json").stdout) == {
        "scenarios": [
            {
                "name": "chat",
                "summary": "Users greet each other.",
                "path": str(folder / "chat.py"),
            }
        ],
        "unreadable": [],
    }


@pytest.mark.parametrize("arguments", [("--json",), ("--json", "list")])
def test_json_may_be_asked_for_before_the_command(run: Run, arguments: tuple[str, ...]) -> None:
    assert run(*arguments).stdout == run("list", "--json").stdout


def test_more_folders_are_named_by_the_environment(run: Run, tmp_path: Path) -> None:
    more = tmp_path / "more"
    more.mkdir()
    (more / "mqtt.py").write_text(CHAT, encoding="utf-8")

    result = run("list", CROWSG_EXTRA_CODE_PATHS=str(more))

    assert [line.split()[0] for line in result.stdout.splitlines()[1:]] == ["chat", "mqtt"]


def test_unreadable_files_are_named_on_stderr(run: Run, folder: Path) -> None:
    (folder / "broken.py").write_text("(", encoding="utf-8")

    result = run("list")

    assert result.stderr == "unreadable: scenarios/broken.py: line 1: '(' was never closed\n"


def test_unreadable_files_are_part_of_the_json(run: Run, folder: Path) -> None:
    path = folder / "broken.py"
    path.write_text("(", encoding="utf-8")

    data = json.loads(run("list", "--json").stdout)

    assert data["unreadable"] == [{"path": str(path), "problem": "line 1: '(' was never closed"}]


def test_an_empty_list_says_where_was_searched(run: Run, folder: Path) -> None:
    (folder / "chat.py").unlink()

    assert run("list").stderr == f"no scenarios in {folder}\n"


def test_without_any_folder_the_list_says_which_could_be(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")

    assert run("list").stderr == "no scenarios in ./scenarios\n"


def test_info_shows_the_facts_as_plain_lines(run: Run) -> None:
    assert run("info", "chat").stdout.splitlines()[:9] == [
        "scenario      chat",
        "file          scenarios/chat.py",
        "callbacks     init, start",
        "dependencies  click, no-such-package>=2",
        "python        >=3.11",
        "unmet         no-such-package>=2 is not installed",
        "",
        "Users greet each other.",
        "",
    ]


def test_info_shows_the_variables_of_every_module(run: Run) -> None:
    lines = run("info", "chat").stdout.splitlines()

    assert lines[lines.index("variables of chat") :] == [
        "variables of chat",
        "name      default      update     verify       description",
        "host      '127.0.0.1'  read-only               host under test",
        "password  ***          read-only               its password",
        "rate      '100/min'    set_rate                greetings, as a rate",
        "given     (required)   yes        range(1, 9)  must be given",
        "",
        "variables of peers",
        "name               default  update     verify  description",
        "port (overridden)  1234     read-only          my port",
        "wait               60 * 2   read-only          a time",
    ]


def test_info_takes_a_path_too(run: Run) -> None:
    assert run("info", "scenarios/chat.py").stdout == run("info", "chat").stdout


def test_info_describes_a_module_that_is_no_scenario(run: Run) -> None:
    assert run("info", "peers").stdout.startswith("helper        peers\n")


def test_info_gives_every_fact_as_json(info: dict[str, Any], folder: Path) -> None:
    del info["variables"]

    assert info == {
        "name": "chat",
        "path": str(folder / "chat.py"),
        "kind": "scenario",
        "doc": "Users greet each other.\n\nEvery one of them.",
        "callbacks": ["init", "start"],
        "dependencies": {
            "requirements": ["click", "no-such-package>=2"],
            "requires_python": ">=3.11",
            "met": False,
            "problems": ["no-such-package>=2 is not installed"],
        },
    }


def test_info_gives_variables_as_json(info: dict[str, Any]) -> None:
    assert info["variables"][0] == {
        "module": "chat",
        "name": "host",
        "has_default": True,
        "default": "127.0.0.1",
        "verify": "",
        "update": "read-only",
        "description": "host under test",
        "secret": False,
        "overridden": False,
    }


def test_a_secret_default_is_masked_in_json(info: dict[str, Any]) -> None:
    assert info["variables"][1]["default"] == "***"


def test_a_required_variable_has_no_default_in_json(info: dict[str, Any]) -> None:
    given = info["variables"][3]

    assert (given["has_default"], given["default"]) == (False, None)


@pytest.mark.parametrize(
    ("default", "value"),
    [
        pytest.param("None", None, id="none"),
        pytest.param("[1, 2.5, 'a']", [1, 2.5, "a"], id="list"),
        pytest.param("{1, 2}", "{1, 2}", id="set"),
        pytest.param("b'a'", "b'a'", id="bytes"),
        pytest.param("1e999", "inf", id="infinity"),
        pytest.param("f(x)", "f(x)", id="expression"),
    ],
)
def test_what_json_cannot_say_is_given_as_text(
    run: Run, folder: Path, default: str, value: object
) -> None:
    text = f"required_variables = [Variable('a', 'an a', {default})]"
    (folder / "odd.py").write_text(text, encoding="utf-8")

    (variable,) = json.loads(run("info", "odd", "--json").stdout)["variables"]

    assert variable["default"] == value


@pytest.mark.parametrize("arguments", [("list",), ("info", "chat")], ids=["list", "info"])
def test_a_terminal_of_80_columns_is_enough(
    run: Run, folder: Path, arguments: tuple[str, ...]
) -> None:
    wordy = CHAT.replace("greet each other.", "greet " + "each other and so on " * 9)
    (folder / "chat.py").write_text(wordy, encoding="utf-8")

    result = run(*arguments, FORCE_COLOR="1", COLUMNS="80", TERM="xterm")

    assert max(len(click.unstyle(line)) for line in result.stdout.splitlines()) <= 80


def test_piped_text_is_never_wrapped(run: Run, folder: Path) -> None:
    summary = "greets " * 40
    wordy = CHAT.replace("Users greet each other.", summary)
    (folder / "chat.py").write_text(wordy, encoding="utf-8")

    assert summary.strip() in run("list", COLUMNS="80").stdout


def test_brackets_are_shown_as_they_are(run: Run, folder: Path) -> None:
    (folder / "chat.py").write_text(CHAT.replace("Users", "[red]Users[/red]"), encoding="utf-8")

    assert "[red]Users[/red] greet" in run("list").stdout


@pytest.mark.parametrize("command", [scenarios, list_scenarios, show_scenario])
def test_every_command_has_help_with_an_example(command: click.Command) -> None:
    result = CliRunner().invoke(command, ["--help"])

    assert "\n  Example:\n    " in result.stdout


@pytest.mark.parametrize(
    ("arguments", "environment", "error"),
    [
        pytest.param(("info", "nobody"), {}, NoSuchScenario, id="unknown-name"),
        pytest.param(("info", "nobody.py"), {}, NoSuchScenario, id="unknown-file"),
        pytest.param(("info", "broken"), {}, InvalidScenario, id="broken"),
        pytest.param(
            ("list",), {"CROWSG_EXTRA_CODE_PATHS": "/no/such"}, CodePathError, id="folder"
        ),
    ],
)
def test_what_is_wrong_is_raised_as_it_is(
    run: Run,
    folder: Path,
    arguments: tuple[str, ...],
    environment: dict[str, str],
    error: type[Exception],
) -> None:
    (folder / "broken.py").write_text("(", encoding="utf-8")

    with pytest.raises(error):
        run(*arguments, **environment)
