"""Files for their owner only: how they are made, and which are not touched."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crowsg.cluster import key_files
from crowsg.errors import InvalidKeys

Spoil = Callable[[Path], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "keys"
    key_files.make_folder(folder)
    return folder


@pytest.fixture(params=[0o000, 0o022, 0o277], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_written_is_read(folder: Path) -> None:
    key_files.create(folder, "a", "text\n")

    assert key_files.read(folder, "a") == "text\n"


def test_what_is_not_there_reads_as_nothing(folder: Path) -> None:
    assert key_files.read(folder, "a") is None


def test_lines_are_appended_to_a_file_that_need_not_be_there(folder: Path) -> None:
    for line in ("one", "two"):
        key_files.append(folder, "a", line)

    assert key_files.read(folder, "a") == "one\ntwo\n"


def test_a_line_is_not_glued_to_one_that_somebody_left_open(folder: Path) -> None:
    key_files.create(folder, "a", "one")

    key_files.append(folder, "a", "two")

    assert key_files.read(folder, "a") == "one\ntwo\n"


def test_a_file_is_for_its_owner_whatever_the_umask(folder: Path, umask: int) -> None:
    key_files.create(folder, "a", "text")
    key_files.append(folder, "b", "text")

    assert [mode(folder / name) for name in "ab"] == [0o600, 0o600]


@pytest.mark.parametrize("mask", [0o000, 0o022], ids=oct)
def test_folders_are_for_their_owner_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        key_files.make_folder(tmp_path / "a" / "b")
    finally:
        os.umask(before)

    assert [mode(tmp_path / "a"), mode(tmp_path / "a" / "b")] == [0o700, 0o700]


def test_nothing_but_the_file_is_left(folder: Path) -> None:
    key_files.create(folder, "a", "text")
    key_files.append(folder, "a", "text")

    assert key_files.names(folder) == ["a"]


def test_a_stamp_differs_after_each_change(folder: Path) -> None:
    stamps = [key_files.stamp(folder, "a")]
    for _ in range(2):
        key_files.append(folder, "a", "line")
        stamps.append(key_files.stamp(folder, "a"))
    (folder / "a").chmod(0o644)
    stamps.append(key_files.stamp(folder, "a"))

    assert len(set(stamps)) == 4
    assert key_files.stamp(folder, "a") == stamps[-1]


def test_a_file_is_never_overwritten(folder: Path) -> None:
    key_files.create(folder, "a", "first")

    with pytest.raises(InvalidKeys, match=r"/a is there already and stays as it is"):
        key_files.create(folder, "a", "second")

    assert key_files.read(folder, "a") == "first"
    assert key_files.names(folder) == ["a"]


def test_a_link_that_leads_nowhere_is_not_written_through(folder: Path, tmp_path: Path) -> None:
    (folder / "a").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(InvalidKeys, match="is there already"):
        key_files.create(folder, "a", "text")

    assert not (tmp_path / "elsewhere").exists()


def swap_for_link(path: Path) -> None:
    path.rename(path.with_name("real"))
    path.symlink_to(path.with_name("real"))


def swap_for_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def swap_for_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def swap_for_file(path: Path) -> None:
    path.rename(path.with_name("x"))
    path.touch()


FILES: dict[str, tuple[Spoil, str]] = {
    "readable": (lambda path: path.chmod(0o640), r"open to others \(mode 0640\): chmod 600 it"),
    "writable": (lambda path: path.chmod(0o602), r"open to others \(mode 0602\): chmod 600 it"),
    "link": (swap_for_link, "is a symbolic link: put the file itself"),
    "pipe": (swap_for_pipe, "no ordinary file: put a file in its place"),
    "folder": (swap_for_folder, "no ordinary file: put a file in its place"),
    "large": (lambda path: path.write_text("x" * (1 << 21)), "no file of keys: move it away"),
    "binary": (lambda path: path.write_bytes(b"\xff\x00"), "no file of keys: move it away"),
}
FOLDERS: dict[str, tuple[Spoil, str]] = {
    "writable": (lambda path: path.chmod(0o770), "others may change the folder .*: chmod 700 it"),
    "link": (swap_for_link, "is a symbolic link: put the folder itself"),
    "missing": (lambda path: path.rename(path.with_name("x")), "no such folder: make it with"),
    "file": (swap_for_file, "is no folder: name"),
}


@pytest.mark.parametrize("how", FILES)
def test_a_file_that_is_not_to_be_relied_on_is_not_read(folder: Path, how: str) -> None:
    key_files.create(folder, "a", "text")
    spoil, why = FILES[how]
    spoil(folder / "a")

    with pytest.raises(InvalidKeys, match=f"a.*{why}"):
        key_files.read(folder, "a")


@pytest.mark.parametrize("how", FILES)
def test_nor_is_anything_added_to_it(folder: Path, how: str) -> None:
    key_files.create(folder, "a", "text")
    spoil, why = FILES[how]
    spoil(folder / "a")

    with pytest.raises(InvalidKeys, match=why):
        key_files.append(folder, "a", "line")


@pytest.mark.parametrize("how", FOLDERS)
def test_a_folder_that_is_not_to_be_relied_on_is_not_used(folder: Path, how: str) -> None:
    key_files.create(folder, "a", "text")
    spoil, why = FOLDERS[how]
    spoil(folder)

    for use in (
        lambda: key_files.read(folder, "a"),
        lambda: key_files.create(folder, "b", ""),
        lambda: key_files.names(folder),
    ):
        with pytest.raises(InvalidKeys, match=why):
            use()


def test_a_folder_that_others_may_only_look_at_is_used(folder: Path) -> None:
    folder.chmod(0o755)

    assert key_files.read(folder, "a") is None


def test_what_belongs_to_somebody_else_is_not_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)

    with pytest.raises(InvalidKeys, match=rf"belongs to user {mine}, not to {mine + 1}.*chown"):
        key_files.read(folder, "a")


def test_nor_is_a_file_of_somebody_else_in_a_folder_of_ones_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_files.create(folder, "a", "text")
    mine = os.geteuid()
    asked = iter([mine, mine + 1, mine + 1])
    monkeypatch.setattr(os, "geteuid", lambda: next(asked))

    with pytest.raises(InvalidKeys, match=r"/a belongs to user"):
        key_files.read(folder, "a")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(InvalidKeys, match="cannot be made: Not a directory"):
        key_files.make_folder(tmp_path / "file" / "keys")


def test_a_full_disk_leaves_nothing_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(InvalidKeys, match="a cannot be written: No space left on device"):
        key_files.create(folder, "a", "text")

    assert key_files.names(folder) == []
