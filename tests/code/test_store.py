"""The private folder: there whole or not at all, and gone with the node."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from crowsg.code.bundle import Bundle
from crowsg.code.store import Store
from crowsg.errors import CodeRefused

ONE = Bundle.of("chat", {"chat.py": b"x = 1\n", "cart/data/users.csv": b"a"})
TWO = Bundle.of("chat", {"chat.py": b"x = 2\n"})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    store.close()


def below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*"))


def test_nothing_is_made_before_it_is_needed(store: Store, tmp_path: Path) -> None:
    assert (store.folders, below(tmp_path)) == ((), [])


def test_what_is_installed_is_in_a_folder(store: Store) -> None:
    store.install(ONE)

    (folder,) = store.folders
    assert {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    } == dict(ONE.files)


def test_the_folder_is_called_like_the_digest(store: Store) -> None:
    store.install(ONE)

    assert store.folders[0].name == ONE.digest


def test_only_its_owner_may_enter(store: Store, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store.install(ONE)
    finally:
        os.umask(before)

    modes = {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in below(tmp_path)}
    assert modes == {0}


def test_nothing_else_is_left_beside_it(store: Store) -> None:
    store.install(ONE)

    root = store.folders[0].parent
    assert [path.name for path in root.iterdir()] == [ONE.digest]


def test_a_new_version_takes_the_place_of_the_former(store: Store, tmp_path: Path) -> None:
    store.install(ONE)
    store.install(TWO)

    assert [path.name for path in tmp_path.glob("*/*")] == [TWO.digest]
    assert store.version("chat") == TWO.digest


def test_the_latest_comes_first(store: Store) -> None:
    other = Bundle.of("other", {"other.py": b""})
    for bundle in (ONE, other, TWO):
        store.install(bundle)

    assert [folder.name for folder in store.folders] == [TWO.digest, other.digest]


def test_a_version_of_two_names_stays_as_long_as_one_has_it(store: Store) -> None:
    store.install(ONE)
    store.install(Bundle.of("second", dict(ONE.files)))

    store.install(TWO)

    assert [store.has(bundle.digest) for bundle in (ONE, TWO)] == [True, True]
    assert store.folders[1].is_dir()


def test_the_same_again_writes_nothing(store: Store) -> None:
    store.install(ONE)
    before = (store.folders[0] / "chat.py").stat().st_ino

    store.install(ONE)

    assert (store.folders[0] / "chat.py").stat().st_ino == before


def test_a_name_that_is_dropped_is_gone(store: Store, tmp_path: Path) -> None:
    store.install(ONE)

    store.drop("chat")

    assert (store.folders, list(tmp_path.glob("*/*"))) == ((), [])


def test_a_file_leads_to_its_bundle(store: Store) -> None:
    store.install(ONE)

    assert store.holding(store.folders[0] / "cart/data/users.csv") == ONE
    assert store.holding(Path("/chat.py")) is None


def test_closing_leaves_nothing(store: Store, tmp_path: Path) -> None:
    store.install(ONE)

    store.close()

    assert (store.folders, store.version("chat"), below(tmp_path)) == ((), "", [])


def test_a_closed_store_can_be_used_again(store: Store) -> None:
    store.install(ONE)
    store.close()

    store.install(TWO)

    assert store.folders[0].is_dir()


def test_closing_what_was_never_used_is_no_fault(tmp_path: Path) -> None:
    Store(tmp_path / "nowhere").close()


def test_a_folder_that_cannot_be_made_is_a_refusal(tmp_path: Path) -> None:
    with pytest.raises(CodeRefused, match="cannot be written"):
        Store(tmp_path / "nowhere").install(ONE)


def test_what_cannot_be_written_completely_leaves_nothing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.install(TWO)
    before = below(tmp_path)
    real = os.open

    def full(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if str(path).endswith("chat.py"):
            raise OSError(28, "No space left on device")
        return real(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(CodeRefused, match="No space left"):
        store.install(ONE)
    monkeypatch.undo()

    assert (below(tmp_path), store.version("chat")) == (before, TWO.digest)
