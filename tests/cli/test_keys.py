"""``crowsg keys``: three machines, from nothing to who is let in."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from crowsg.cli.keys import keys
from crowsg.cluster.keys import Keys
from crowsg.errors import InvalidKeys

Run = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("CROWSG_KEYS", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(home: Path) -> Run:
    """Returns a function that runs a command to its good end."""

    def invoke(*arguments: str, **environment: str) -> Result:
        result = CliRunner().invoke(keys, arguments, env=environment, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result

    return invoke


def listed(run: Run, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("list", "--json", *arguments).stdout)["keys"]
    return found


def test_a_cluster_key_is_made_where_nobody_says(run: Run, home: Path) -> None:
    output = run("new").stdout

    folder = home / ".config/crowsg/keys"
    assert f"{folder}/cluster.key is the key of a new cluster" in output
    assert Keys.load(folder).name == ""


@pytest.mark.parametrize("how", ["option", "environment"])
def test_the_folder_may_be_said(run: Run, home: Path, how: str) -> None:
    if how == "option":
        run("new", "--keys", "mine")
    else:
        run("new", CROWSG_KEYS="mine")

    assert (home / "mine/cluster.key").exists()


def test_a_node_key_is_a_secret_file_and_a_public_one(run: Run, home: Path) -> None:
    run("new", "--name", "w@h", "--keys", "mine")

    assert sorted(path.name for path in (home / "mine").iterdir()) == ["w@h.key", "w@h.public"]


def test_public_files_are_let_in(run: Run) -> None:
    run("new")
    for name in ("a@h", "b@h"):
        run("new", "--name", name)

    result = run("allow", *(f".config/crowsg/keys/{name}.public" for name in ("a@h", "b@h")))

    assert [each["name"] for each in listed(run) if each["allowed"]] == ["a@h", "b@h"]
    assert "from now on only keys on this list are let in" in result.stderr


def test_a_bare_key_is_let_in_under_the_name_given(run: Run) -> None:
    run("new")

    run("allow", "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID", "--name", "a@h")

    (found,) = [each for each in listed(run) if each["allowed"]]
    assert (found["name"], found["own"]) == ("a@h", False)


def test_letting_in_twice_says_so(run: Run) -> None:
    run("new", "--name", "a@h")
    run("allow", ".config/crowsg/keys/a@h.public")

    result = run("allow", ".config/crowsg/keys/a@h.public")

    assert result.stdout.endswith("was already allowed\n")
    assert not result.stderr


def test_a_list_is_a_line_for_each_key(run: Run) -> None:
    run("new")
    run("new", "--name", "worker1@h")

    lines = [line.split()[:3] for line in run("list").stdout.splitlines()]

    assert [line[:2] for line in lines] == [["(cluster", "key)"], ["worker1@h", "own"]]


def test_no_secret_is_ever_printed(run: Run, home: Path) -> None:
    outputs = [run("new").output, run("new", "--name", "a@h").output]
    outputs += [run("list").output, run("list", "--json").output]

    folder = home / ".config/crowsg/keys"
    for file in ("cluster.key", "a@h.key"):
        secret = (folder / file).read_text().split()[1]
        assert not any(secret in output or json.dumps(secret) in output for output in outputs)


def test_a_second_cluster_key_is_refused(run: Run) -> None:
    run("new")

    with pytest.raises(InvalidKeys, match="is there already and stays as it is"):
        run("new")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        pytest.param(["nofile"], "nofile: that is no public key", id="no-file"),
        pytest.param(["keys"], "keys: that is no public key", id="folder"),
        pytest.param(["keys/a@h.key"], "secret key: give the public one", id="secret"),
        pytest.param(["keys/a@h.public", "nofile"], "nofile", id="one-of-two"),
        pytest.param(["keys/a@h.public", "--name", "x"], "no name of a node", id="name"),
    ],
)
def test_what_is_no_public_key_is_not_let_in(
    run: Run, home: Path, arguments: list[str], why: str
) -> None:
    run("new", "--name", "a@h", "--keys", "keys")

    with pytest.raises(InvalidKeys, match=why):
        run("allow", "--keys", "keys", *arguments)

    assert not (home / "keys/allowed").exists()


def test_one_name_is_not_for_two_keys(home: Path) -> None:
    result = CliRunner().invoke(keys, ["allow", "a", "b", "--name", "a@h"])

    assert (result.exit_code, "--name goes with one key" in result.output) == (2, True)
