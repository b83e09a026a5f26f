import os
from pathlib import Path

import pytest

from crowsg.code.server import CodeServer, code_paths
from crowsg.errors import CodePathError, NoSuchScenario

SCENARIO = "def init(): pass\ndef start(user_id): pass\n"
HELPER = "required_variables = [Variable('host', 'host under test')]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "load"
    found.mkdir()
    return found


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder without ./scenarios."""
    found = tmp_path / "elsewhere"
    found.mkdir()
    monkeypatch.chdir(found)
    return found


def names(folder: Path) -> list[str]:
    return [source.name for source in CodeServer([folder]).scenarios()]


def test_scenarios_are_listed_by_name(folder: Path) -> None:
    for name in ("b", "a_b", "a", "a-b"):
        (folder / f"{name}.py").write_text(SCENARIO, encoding="utf-8")

    assert names(folder) == ["a", "a-b", "a_b", "b"]


def test_helpers_are_configurable_but_no_scenarios(folder: Path) -> None:
    (folder / "chat.py").write_text(SCENARIO + HELPER, encoding="utf-8")
    (folder / "peers.py").write_text(HELPER, encoding="utf-8")

    assert [source.name for source in CodeServer([folder]).configurable()] == ["peers"]


def test_a_scenario_written_later_is_listed(folder: Path) -> None:
    server = CodeServer([folder])
    server.scenarios()

    (folder / "chat.py").write_text(SCENARIO, encoding="utf-8")

    assert [source.name for source in server.scenarios()] == ["chat"]


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("chat.txt", id="other-suffix"),
        pytest.param("deeper/chat.py", id="deeper"),
        pytest.param(".chat.py", id="hidden"),
        pytest.param("__init__.py", id="package"),
        pytest.param("chat.py/x", id="folder"),
    ],
)
def test_other_files_are_not_looked_at(folder: Path, path: str) -> None:
    (folder / path).parent.mkdir(exist_ok=True)
    (folder / path).write_text(SCENARIO, encoding="utf-8")

    assert names(folder) == []


def test_a_broken_file_does_not_break_the_listing(folder: Path) -> None:
    (folder / "broken.py").write_text("(", encoding="utf-8")
    (folder / "chat.py").write_text(SCENARIO, encoding="utf-8")

    assert names(folder) == ["chat"]


def test_a_broken_file_is_listed_with_the_reason(folder: Path) -> None:
    path = folder / "broken.py"
    path.write_text("(", encoding="utf-8")

    assert CodeServer([folder]).unreadable() == ((path, "line 1: '(' was never closed"),)


def test_a_link_to_nowhere_is_listed_as_unreadable(folder: Path) -> None:
    (folder / "chat.py").symlink_to(folder / "nowhere.py")

    ((path, _),) = CodeServer([folder]).unreadable()

    assert path == folder / "chat.py"


@pytest.mark.parametrize("first", [SCENARIO, "("], ids=["sound", "broken"])
def test_a_name_belongs_to_the_first_folder(folder: Path, elsewhere: Path, first: str) -> None:
    (folder / "chat.py").write_text(first, encoding="utf-8")
    (elsewhere / "chat.py").write_text(SCENARIO, encoding="utf-8")
    server = CodeServer([folder, elsewhere])

    paths = [source.path for source in server.scenarios()] + [p for p, _ in server.unreadable()]

    assert paths == [folder / "chat.py"]


def test_a_server_without_folders_knows_nothing() -> None:
    assert CodeServer([]).scenarios() == ()


def test_a_scenario_is_found_by_name(folder: Path) -> None:
    (folder / "chat.py").write_text("(", encoding="utf-8")

    assert CodeServer([folder]).find("chat") == folder / "chat.py"


@pytest.mark.parametrize("given", ["chat.py", "./chat.py", "../elsewhere/chat", "{}/chat.py"])
def test_a_scenario_is_found_by_path(elsewhere: Path, given: str) -> None:
    for name in ("chat", "chat.py"):
        (elsewhere / name).write_text("", encoding="utf-8")

    found = CodeServer([]).find(given.format(elsewhere))

    assert found == Path(given.format(elsewhere))


@pytest.mark.parametrize(
    "given",
    [
        pytest.param("chat", id="name"),
        pytest.param("chat.py", id="file"),
        pytest.param("./chat", id="path"),
        pytest.param("..", id="dots"),
        pytest.param("", id="empty"),
        pytest.param("folder/", id="folder"),
        pytest.param("null\0byte", id="null-byte"),
    ],
)
def test_what_is_not_there_is_not_found(elsewhere: Path, folder: Path, given: str) -> None:
    (elsewhere / "folder").mkdir()

    with pytest.raises(NoSuchScenario):
        CodeServer([folder]).find(given)


def test_a_name_that_is_not_found_says_where_was_searched(folder: Path, elsewhere: Path) -> None:
    with pytest.raises(NoSuchScenario, match=f"no scenario 'chat' in {folder}, {elsewhere}$"):
        CodeServer([folder, elsewhere]).find("chat")


def test_folders_that_exist_pass_the_check(folder: Path) -> None:
    CodeServer([folder]).check()


def test_the_check_names_every_wrong_folder(folder: Path) -> None:
    file, missing = folder / "file", folder / "missing"
    file.touch()

    with pytest.raises(CodePathError) as caught:
        CodeServer([file, folder, missing]).check()

    assert str(caught.value) == (f"wrong code paths: {file} is no folder; {missing} does not exist")


def test_constructing_a_server_touches_no_folder(folder: Path) -> None:
    assert CodeServer([folder / "missing"]).folders == (folder / "missing",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", [], id="empty"),
        pytest.param("  ", [], id="blank"),
        pytest.param("/a", ["/a"], id="one"),
        pytest.param(f"/a{os.pathsep}/b c", ["/a", "/b c"], id="separated"),
        pytest.param(f"/a{os.pathsep}{os.pathsep}", ["/a"], id="empty-parts"),
        pytest.param("['/a', '/b:c']", ["/a", "/b:c"], id="list"),
        pytest.param("[]", [], id="empty-list"),
        pytest.param(f"/b{os.pathsep}/a{os.pathsep}/b", ["/b", "/a"], id="each-once"),
    ],
)
def test_code_paths_are_read_from_text(elsewhere: Path, text: str, expected: list[str]) -> None:
    assert [str(path) for path in code_paths(text)] == expected


def test_code_paths_are_absolute(elsewhere: Path) -> None:
    assert code_paths("load") == (elsewhere / "load",)


def test_the_home_folder_has_its_short_form(elsewhere: Path) -> None:
    assert code_paths("~/load") == (Path.home() / "load",)


def test_the_scenarios_folder_is_searched_last(elsewhere: Path) -> None:
    (elsewhere / "scenarios").mkdir()

    assert code_paths("/a") == (Path("/a"), elsewhere / "scenarios")


@pytest.mark.parametrize("text", ["[", "[1]", "['/a', 2]", "['/a'] + x", "[] []"])
def test_a_list_that_is_none_is_refused(elsewhere: Path, text: str) -> None:
    with pytest.raises(CodePathError, match="CROWSG_EXTRA_CODE_PATHS is no list of texts"):
        code_paths(text)
