"""What a node has already: the same is fine, other things under the same name are not."""

import sys
import types
from pathlib import Path

import pytest

from crowsg.code.bundle import Bundle
from crowsg.code.own import collisions, has_all
from crowsg.scenario.loading import Place

CHAT = Bundle.of("chat", {"chat.py": b"import cart\n", "cart/__init__.py": b"", "cart/x": b"1"})


def unpack(bundle: Bundle, folder: Path) -> None:
    for path, data in bundle.files:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def found(folders: list[Path]) -> list[str]:
    return list(collisions(CHAT.manifest, folders))


def test_all_files_are_here(tmp_path: Path) -> None:
    unpack(CHAT, tmp_path)

    assert has_all(CHAT.manifest, [tmp_path])


def test_all_files_are_here_in_several_folders(tmp_path: Path) -> None:
    for folder, files in (("a", {"chat.py"}), ("b", {"cart/__init__.py", "cart/x"})):
        unpack(Bundle.of("part", {p: d for p, d in CHAT.files if p in files}), tmp_path / folder)

    assert has_all(CHAT.manifest, [tmp_path / "a", tmp_path / "b"])


@pytest.mark.parametrize("path", ["chat.py", "cart/__init__.py", "cart/x"])
@pytest.mark.parametrize("content", [None, b"", b"22", b"2"])
def test_one_file_is_missing_or_another(tmp_path: Path, path: str, content: bytes | None) -> None:
    unpack(CHAT, tmp_path)
    (tmp_path / path).unlink()
    if content is not None:
        (tmp_path / path).write_bytes(content + b"#")

    assert not has_all(CHAT.manifest, [tmp_path])


def test_another_file_in_an_earlier_folder_counts(tmp_path: Path) -> None:
    unpack(CHAT, tmp_path / "second")
    (tmp_path / "first").mkdir()
    (tmp_path / "first/chat.py").touch()

    assert not has_all(CHAT.manifest, [tmp_path / "first", tmp_path / "second"])


def test_a_folder_in_place_of_a_file_is_another_thing(tmp_path: Path) -> None:
    (tmp_path / "chat.py").mkdir()

    assert not has_all(CHAT.manifest, [tmp_path])


def test_nothing_collides_where_nothing_is() -> None:
    assert found([]) == []


def test_the_same_code_does_not_collide(tmp_path: Path) -> None:
    unpack(CHAT, tmp_path)

    assert found([tmp_path]) == []


def test_other_code_collides(tmp_path: Path) -> None:
    unpack(CHAT, tmp_path)
    (tmp_path / "chat.py").write_text("another = 1\n", encoding="utf-8")
    (tmp_path / "cart/x").write_text("2", encoding="utf-8")

    assert [problem.split()[0] for problem in found([tmp_path])] == ["cart", "chat"]


@pytest.mark.parametrize("file", ["chat/__init__.py", "cart.py"])
def test_a_package_and_a_module_of_one_name_collide(tmp_path: Path, file: str) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).touch()

    assert len(found([tmp_path])) == 1


def test_an_installed_module_collides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "chat.py").touch()

    assert found([]) == [f"chat is another module on this node, {tmp_path}/chat.py"]


@pytest.mark.parametrize("name", ["click", "gevent", "pytest", "zmq", "packaging"])
def test_a_module_of_an_installed_package_collides(name: str) -> None:
    bundle = Bundle.of(name, {f"{name}.py": b""})

    assert list(collisions(bundle.manifest, []))


def test_a_compiled_module_collides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "chat.abi3.so").touch()

    assert len(found([])) == 1


def test_a_module_made_by_hand_collides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "chat", types.ModuleType("chat"))

    assert found([]) == ["chat is another module on this node, which is no file"]


def test_a_package_without_init_of_an_earlier_version_does_not_collide(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    package = types.ModuleType("cart")
    package.__path__ = []
    monkeypatch.setitem(sys.modules, "cart", package)

    assert found([]) == []


def test_what_was_loaded_for_other_scenarios_does_not_collide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "chat.py").touch()
    monkeypatch.setattr(sys, "path", [*sys.path, Place(tmp_path)])

    assert found([]) == []


def test_a_package_hides_the_same_module(tmp_path: Path) -> None:
    module = Bundle.of("cart", {"cart.py": b""})
    for path in ("cart.py", "cart/__init__.py"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()

    assert len(list(collisions(module.manifest, [tmp_path]))) == 1
