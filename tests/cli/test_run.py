"""``crowsg run`` without a process of its own: what it refuses, and with which words."""

import json
import socket
from pathlib import Path

import pytest

from crowsg.cli import exit_code_of

SCENARIO = """
from crowsg import Variable, metrics

required_variables = [
    Variable("size", "a size", default=1, verify=range(10)),
    Variable("word", "a word", default="none"),
    Variable("token", "a secret", default="S3CRET", secret=True),
]

def init():
    from crowsg import config
    return config.get("size"), config.get("word")

def start(user_id, state):
    metrics.count(f"size {state[0]} word {state[1]}")
    if user_id == 13:
        raise ValueError("unlucky")
"""

BLOCKING = """
from crowsg import users

def init():
    pass

def start(user_id):
    from gevent.monkey import get_original
    users.sleep(0.1)
    get_original("time", "sleep")(0.3)
    users.sleep(0.1)
"""


@pytest.fixture
def scenario(tmp_path: Path) -> str:
    path = tmp_path / "counted.py"
    path.write_text(SCENARIO)
    return str(path)


def counters(output: str) -> dict[str, int]:
    found: dict[str, int] = json.loads(output)["counters"]
    return found


def test_a_run_prints_what_it_came_to(scenario: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = exit_code_of(["run", scenario, "--users", "20", "--user-rate", "inf", "--quiet"])

    out, err = capsys.readouterr()
    assert code == 0
    assert [line.split() for line in out.splitlines() if line.startswith(("asked", "fail"))] == [
        ["asked", "20"],
        ["failed", "1"],
    ]
    assert "ValueError: unlucky (counted.py:17 in start)" in out
    assert "S3CRET" not in out + err


def test_settings_come_from_the_command_line_above_the_file(
    scenario: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('size = 5\nword = "file"\n')

    code = exit_code_of(
        ["run", scenario, "--quiet", "--json", "--config", str(file), "--set", "size=7"]
    )

    assert code == 0
    assert counters(capsys.readouterr().out) == {"size 7 word file": 1}


def test_text_stays_text_where_the_default_is_text(
    scenario: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exit_code_of(["run", scenario, "--quiet", "--json", "--set", "word=17"])

    assert counters(capsys.readouterr().out) == {"size 1 word 17": 1}


def test_the_environment_names_a_file_of_settings_and_a_parser(
    scenario: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "settings.toml").write_text("size = 5\n")
    monkeypatch.setenv("CROWSG_CONFIG", str(tmp_path / "settings.toml"))
    monkeypatch.setenv("CROWSG_CONFIG_PARSER", "builtins:len")
    monkeypatch.setenv("CROWSG_SIZE", "eight...")

    exit_code_of(["run", scenario, "--quiet", "--json"])

    assert counters(capsys.readouterr().out) == {"size 8 word none": 1}


def test_a_forgotten_run_is_aborted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "forgotten.py"
    path.write_text("from crowsg import users\ndef init(): pass\ndef start(i): users.sleep(99)\n")

    assert exit_code_of(["run", str(path), "--quiet", "--max-duration", "0.1s"]) == 97

    assert "the maximal duration is over" in capsys.readouterr().out


def test_users_can_have_ids_of_their_own(scenario: str, capsys: pytest.CaptureFixture[str]) -> None:
    exit_code_of(["run", scenario, "--ids", "13-15", "--user-rate", "inf", "--quiet", "--json"])

    said = json.loads(capsys.readouterr().out)
    assert (said["users"]["asked"], said["users"]["failed"]) == (3, 1)


def test_progress_goes_to_stderr(scenario: str, capfd: pytest.CaptureFixture[str]) -> None:
    exit_code_of(["run", scenario, "--json"])

    out, err = capfd.readouterr()
    assert json.loads(out)["exit_code"] == 0
    assert "0:00  0 running, 1 finished, 0 failed" in err


@pytest.mark.parametrize(
    ("port", "words"),
    [
        pytest.param("nonsense", "CROWSG_PROMETHEUS_PORT is", id="a word"),
        pytest.param("-1", "CROWSG_PROMETHEUS_PORT is", id="negative"),
        pytest.param("65536", "CROWSG_PROMETHEUS_PORT is", id="too large"),
        pytest.param("TAKEN", "already in use", id="taken"),
    ],
)
def test_a_port_that_cannot_be_listened_on_is_one_line_before_anything_is_run(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    port: str,
    words: str,
) -> None:
    path = tmp_path / "telling.py"
    path.write_text("print('imported')\ndef init(): pass\ndef start(i): pass\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        given = port.replace("TAKEN", str(taken.getsockname()[1]))
        monkeypatch.setenv("CROWSG_PROMETHEUS_PORT", given)

        code = exit_code_of(["run", str(path)])

    out, err = capfd.readouterr()
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert f"metrics cannot listen on 127.0.0.1:{given}: " in err
    assert words in err


def test_the_metrics_are_said_to_be_where_they_are(
    scenario: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("CROWSG_PROMETHEUS_PORT", str(port))

    exit_code_of(["run", scenario])

    assert capfd.readouterr().err.startswith(f"metrics: http://127.0.0.1:{port}/metrics\n")


def test_a_quiet_run_says_nothing_on_stderr(
    scenario: str, capfd: pytest.CaptureFixture[str]
) -> None:
    exit_code_of(["run", scenario, "--quiet"])

    assert capfd.readouterr().err == ""


def test_the_files_of_a_run_go_to_a_folder(scenario: str, tmp_path: Path) -> None:
    exit_code_of(["run", scenario, "--quiet", "--out", str(tmp_path / "out")])

    written = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert written["users"]["finished"] == 1


def test_a_folder_that_holds_a_run_is_one_line_and_exit_code_2(
    scenario: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["run", scenario, "--quiet", "--out", str(tmp_path / "out")]
    exit_code_of(arguments)
    capfd.readouterr()

    code = exit_code_of(arguments)

    out, err = capfd.readouterr()
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert str(tmp_path / "out") in err


@pytest.mark.parametrize(
    ("options", "code"),
    [
        pytest.param([], 0, id="not asked for"),
        pytest.param(["--fail-on-saturation"], 98, id="asked for"),
    ],
)
def test_a_generator_that_was_the_limit_fails_the_run_where_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int
) -> None:
    path = tmp_path / "blocking.py"
    path.write_text(BLOCKING)

    assert exit_code_of(["run", str(path), "--quiet", *options]) == code

    out = " ".join(capsys.readouterr().out.split())
    assert "it was the limit for" in out
    assert ("but the generator was the limit" in out) == bool(code)


def test_the_help_has_an_example_and_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(["run", "--help"]) == 0

    out = capsys.readouterr().out
    assert "Example:\n    crowsg run scenarios/messaging.py" in out
    for option in ("--out PATH", "--linger", "--fail-on-saturation", "--quiet", "--json"):
        assert option in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param([], "Missing argument", id="no scenario"),
        pytest.param(["nowhere"], "no scenario 'nowhere'", id="unknown scenario"),
        pytest.param(["nowhere.py"], "no scenario 'nowhere.py'", id="unknown file"),
        pytest.param(["FILE", "--users", "0"], "--users", id="no users"),
        pytest.param(["FILE", "--users", "many"], "--users", id="users are no number"),
        pytest.param(["FILE", "--users", "1", "--ids", "1-2"], "not both", id="users and ids"),
        pytest.param(["FILE", "--ids", "5-1"], "no range of ids", id="descending ids"),
        pytest.param(["FILE", "--ids", "0-1"], "no range of ids", id="id zero"),
        pytest.param(["FILE", "--user-rate", "fast"], "is no rate", id="no rate"),
        pytest.param(["FILE", "--user-rate", "3 parallel"], "user_rate", id="parallel rate"),
        pytest.param(["FILE", "--duration", "soon"], "is no duration", id="no duration"),
        pytest.param(["FILE", "--duration", "-5"], "is no duration", id="negative duration"),
        pytest.param(["FILE", "--set", "size"], "is not NAME=VALUE", id="no value"),
        pytest.param(["FILE", "--set", "=1"], "is not NAME=VALUE", id="no name"),
        pytest.param(["FILE", "--set", "size=1", "--set", "size=2"], "set twice", id="twice"),
        pytest.param(["FILE", "--set", "size=99"], "not one of range(0, 10)", id="refused"),
        pytest.param(["FILE", "--set", "length=9"], "undeclared settings: length", id="unknown"),
        pytest.param(["FILE", "--config", "missing.toml"], "missing.toml", id="no file"),
        pytest.param(["FILE", "--frobnicate"], "No such option", id="unknown option"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    scenario: str, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    given = [scenario if argument == "FILE" else argument for argument in arguments]

    code = exit_code_of(["run", *given])

    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert err.startswith("error: ")
    assert words in err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("def init(): pass", "start is missing", id="no start"),
        pytest.param("x = (", "line 1", id="syntax error"),
        pytest.param("import no_such_module_here", "no_such_module_here", id="import fails"),
        pytest.param("raise SystemExit(7)", "importing it raised SystemExit", id="exits"),
        pytest.param("def init(): pass\ndef start(): pass", "start must take", id="arguments"),
        pytest.param(
            "# /// script\n# dependencies = ['no-such-package>=1']\n# ///\n"
            "def init(): pass\ndef start(i): pass",
            "no-such-package",
            id="dependency",
        ),
        pytest.param(
            "required_variables = ['no variable']\ndef init(): pass\ndef start(i): pass",
            "is no Variable",
            id="declaration",
        ),
    ],
)
def test_a_bad_scenario_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    path = tmp_path / "bad_scenario.py"
    path.write_text(text)

    code = exit_code_of(["run", str(path)])

    err = capsys.readouterr().err
    assert (code, len(err.splitlines())) == (2, 1)
    assert words in err


@pytest.mark.parametrize("callback", ["setup", "init"])
def test_a_failing_start_is_one_line_and_exit_code_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], callback: str
) -> None:
    path = tmp_path / "failing_scenario.py"
    path.write_text(f"def init(): pass\ndef start(i): pass\ndef {callback}(): 1 / 0")

    code = exit_code_of(["run", str(path)])

    err = capsys.readouterr().err
    assert (code, len(err.splitlines())) == (3, 1)
    assert f"{callback} failed: ZeroDivisionError" in err


def test_a_bad_code_path_is_named(
    scenario: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROWSG_EXTRA_CODE_PATHS", "/no/such/folder")

    assert exit_code_of(["run", scenario]) == 2

    assert "/no/such/folder" in capsys.readouterr().err


def test_an_unknown_command_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(["fly"]) == 2

    assert capsys.readouterr().err == "error: No such command 'fly'.\n"


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of([]) == 2

    out, err = capsys.readouterr()
    assert "scenarios" in out + err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["--ids", "1-5"], "not with --ids or --user-rate", id="ids"),
        pytest.param(["--user-rate", "5/s"], "not with --ids or --user-rate", id="user rate"),
    ],
)
def test_arrivals_exclude_what_means_something_else(
    scenario: str, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    code = exit_code_of(["run", scenario, "--arrivals", "10/s", *arguments])

    assert (code, words in capsys.readouterr().err) == (2, True)


@pytest.mark.parametrize("rate", ["infinity", "3 parallel"])
def test_arrivals_need_a_schedule(
    scenario: str, capsys: pytest.CaptureFixture[str], rate: str
) -> None:
    code = exit_code_of(["run", scenario, "--arrivals", rate])

    assert (code, "a rate in time" in capsys.readouterr().err) == (2, True)


def test_arrivals_are_users_until_the_duration_is_over(
    scenario: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--arrivals", "20/s", "--duration", "1", "--quiet", "--json"]

    code = exit_code_of(["run", scenario, *arguments])

    said = json.loads(capsys.readouterr().out)
    assert (code, said["exit_reason"]) == (0, "the duration is over")
    assert 15 <= said["users"]["asked"] <= 22
