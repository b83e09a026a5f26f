import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

import pytest

from crowsg.source import closure, declarations, locate, read

DECLARING = "required_variables = [Variable({!r}, 'something', 1)]\n"


def populate(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def closure_names(folder: Path, scenario: str = "chat.py") -> list[str]:
    return [source.name for source in closure(read(folder / scenario), [folder])]


def test_a_module_of_a_folder_is_found(tmp_path: Path) -> None:
    populate(tmp_path, {"peers.py": ""})

    assert locate("peers", [tmp_path]) == tmp_path / "peers.py"


def test_a_module_of_a_package_is_found(tmp_path: Path) -> None:
    populate(tmp_path, {"peers/__init__.py": "", "peers/tcp.py": ""})

    assert locate("peers.tcp", [tmp_path]) == tmp_path / "peers/tcp.py"


def test_a_package_is_found_as_its_init_file(tmp_path: Path) -> None:
    populate(tmp_path, {"peers/__init__.py": ""})

    assert locate("peers", [tmp_path]) == tmp_path / "peers/__init__.py"


def test_a_module_of_nested_folders_without_init_is_found(tmp_path: Path) -> None:
    populate(tmp_path, {"over/there/tcp.py": ""})

    assert locate("over.there.tcp", [tmp_path]) == tmp_path / "over/there/tcp.py"


def test_the_first_folder_wins(tmp_path: Path) -> None:
    populate(tmp_path, {"one/peers.py": "", "two/peers.py": ""})

    found = locate("peers", [tmp_path / "one", tmp_path / "two"])

    assert found == tmp_path / "one/peers.py"


def test_the_import_path_comes_after_the_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    populate(tmp_path, {"peers.py": ""})
    monkeypatch.syspath_prepend(tmp_path)

    assert locate("peers", []) == tmp_path / "peers.py"


def test_a_relative_folder_follows_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    populate(tmp_path, {"one/lib/peers.py": "", "two/lib/tcp.py": ""})
    monkeypatch.chdir(tmp_path / "one")
    locate("peers", [Path("lib")])
    monkeypatch.chdir(tmp_path / "two")

    assert locate("tcp", [Path("lib")]) == tmp_path / "two/lib/tcp.py"


def test_a_module_written_a_moment_ago_is_found(tmp_path: Path) -> None:
    for n in range(50):
        populate(tmp_path, {f"peers{n}.py": ""})

        assert locate(f"peers{n}", [tmp_path])


def test_locating_imports_nothing(tmp_path: Path) -> None:
    populate(tmp_path, {"peers/__init__.py": "raise SystemExit", "peers/tcp.py": ""})

    locate("peers.tcp", [tmp_path])

    assert "peers" not in sys.modules


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("sys", id="built-in"),
        pytest.param("greenlet._greenlet", id="compiled"),
        pytest.param("folder", id="folder-without-init"),
        pytest.param("nobody_has_this", id="missing"),
        pytest.param("peers.nobody_has_this", id="missing-inside"),
        pytest.param("", id="empty"),
        pytest.param("peers..x", id="empty-part"),
    ],
)
def test_what_has_no_python_file_is_not_located(tmp_path: Path, name: str) -> None:
    populate(tmp_path, {"folder/notes.txt": "", "peers.py": ""})

    assert locate(name, [tmp_path]) is None


def test_the_closure_begins_with_the_module_itself(tmp_path: Path) -> None:
    populate(tmp_path, {"chat.py": "import json"})

    assert closure_names(tmp_path) == ["chat"]


def test_the_closure_follows_imports_in_the_order_of_an_import(tmp_path: Path) -> None:
    files = {"chat.py": "import a, b", "a.py": "import c", "b.py": "import d", "c.py": "import b"}
    populate(tmp_path, {**files, "d.py": ""})

    assert closure_names(tmp_path) == ["chat", "a", "c", "b", "d"]


def test_the_closure_of_a_cycle_ends(tmp_path: Path) -> None:
    populate(tmp_path, {"chat.py": "import a", "a.py": "import b, chat", "b.py": "import a"})

    assert closure_names(tmp_path) == ["chat", "a", "b"]


def test_the_closure_of_a_very_long_chain_ends(tmp_path: Path) -> None:
    populate(tmp_path, {f"a{n}.py": f"import a{n + 1}" for n in range(1200)})

    assert len(closure_names(tmp_path, "a0.py")) == 1200


def test_the_closure_follows_packages_and_their_relative_imports(tmp_path: Path) -> None:
    files = {"chat.py": "from peers.tcp import x", "peers/__init__.py": "from . import base"}
    populate(tmp_path, {**files, "peers/tcp.py": "", "peers/base.py": ""})

    assert closure_names(tmp_path) == ["chat", "peers", "peers.base", "peers.tcp"]


@pytest.mark.parametrize(
    ("files", "found"),
    [
        pytest.param({"a.py": "("}, [], id="broken"),
        pytest.param({}, [], id="missing"),
        pytest.param({"a.py/x": ""}, [], id="folder"),
        pytest.param({"a.py": "import broken\nimport b", "broken.py": "(", "b.py": ""}, ["a", "b"]),
    ],
)
def test_what_cannot_be_read_is_left_to_the_import(
    tmp_path: Path, files: dict[str, str], found: list[str]
) -> None:
    populate(tmp_path, {"chat.py": "import a", **files})

    assert closure_names(tmp_path) == ["chat", *found]


def test_the_standard_library_is_left_out(tmp_path: Path) -> None:
    populate(tmp_path, {"chat.py": "import queue", "queue.py": ""})

    assert closure_names(tmp_path) == ["chat"]


def test_an_installed_package_that_declares_nothing_is_left_out(tmp_path: Path) -> None:
    populate(tmp_path, {"chat.py": "import click, gevent"})

    assert closure_names(tmp_path) == ["chat"]


def test_an_installed_package_that_declares_nothing_is_not_walked(tmp_path: Path) -> None:
    installed = populate(
        tmp_path / "site-packages", {"a.py": "import b", "b.py": DECLARING.format("x")}
    )
    populate(tmp_path, {"chat.py": "import a"})

    found = closure(read(tmp_path / "chat.py"), [tmp_path, installed])

    assert [source.name for source in found] == ["chat"]


def test_an_installed_package_that_declares_variables_belongs_to_the_run(tmp_path: Path) -> None:
    installed = populate(tmp_path / "site-packages", {"a.py": DECLARING.format("x")})
    populate(tmp_path, {"chat.py": "import a"})

    found = closure(read(tmp_path / "chat.py"), [tmp_path, installed])

    assert [source.name for source in found] == ["chat", "a"]


def test_an_installed_package_that_only_mentions_the_word_is_left_out(tmp_path: Path) -> None:
    installed = populate(tmp_path / "site-packages", {"a.py": "# required_variables"})
    populate(tmp_path, {"chat.py": "import a"})

    found = closure(read(tmp_path / "chat.py"), [tmp_path, installed])

    assert [source.name for source in found] == ["chat"]


def test_the_folder_of_this_installation_counts_as_installed() -> None:
    here = Path(sysconfig.get_path("purelib"))
    (source,) = closure(read(here / "click" / "__init__.py"), [here])

    assert source.name == "click"


def test_crowsg_itself_is_left_out(tmp_path: Path) -> None:
    populate(tmp_path, {"chat.py": "from crowsg.source import read\nimport crowsg.errors"})

    assert closure_names(tmp_path) == ["chat"]


def declared(folder: Path) -> list[tuple[str, str, object, bool]]:
    found = declarations(closure(read(folder / "chat.py"), [folder]))
    return [(d.module, d.variable.name, d.variable.default, d.overridden) for d in found]


def test_the_variables_of_imported_modules_belong_to_the_run(tmp_path: Path) -> None:
    chat = "import peers\n" + DECLARING.format("host")
    populate(tmp_path, {"chat.py": chat, "peers.py": DECLARING.format("port")})

    assert declared(tmp_path) == [("chat", "host", 1, False), ("peers", "port", 1, False)]


def test_an_override_takes_the_place_of_the_declaration(tmp_path: Path) -> None:
    chat = "import peers\noverride_variables = [Variable('port', 'mine', 2)]"
    populate(tmp_path, {"chat.py": chat, "peers.py": DECLARING.format("port")})

    assert declared(tmp_path) == [("peers", "port", 2, True)]


def test_an_override_of_nothing_joins_the_variables_of_the_scenario(tmp_path: Path) -> None:
    chat = "import peers\noverride_variables = [Variable('new', 'mine', 2)]"
    populate(tmp_path, {"chat.py": chat, "peers.py": DECLARING.format("port")})

    assert declared(tmp_path) == [("chat", "new", 2, True), ("peers", "port", 1, False)]


def test_a_helper_overrides_nothing(tmp_path: Path) -> None:
    chat = "import peers\n" + DECLARING.format("port")
    peers = "override_variables = [Variable('port', 'mine', 2)]"
    populate(tmp_path, {"chat.py": chat, "peers.py": peers})

    assert declared(tmp_path) == [("chat", "port", 1, False)]


def test_no_modules_declare_nothing() -> None:
    assert declarations([]) == ()
