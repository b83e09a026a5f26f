"""Files of a folder that nobody but their owner may touch: judged when read, made so when written.

Names are looked up in the open folder, never by a path that somebody could exchange meanwhile, and
no symbolic link is followed. What is written appears whole or not at all.
"""

import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from crowsg.errors import InvalidKeys

MAX_BYTES = 1 << 20

Stamp = tuple[int, ...]
"""Differs whenever a file may have changed; empty while there is no such file."""

_OPEN = os.O_NOFOLLOW | os.O_CLOEXEC
# A named pipe in the file's place would block whoever opens it.
_READ = os.O_RDONLY | os.O_NONBLOCK | _OPEN
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPEN
_GROUP_AND_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


def make_folder(folder: Path) -> None:
    """Make a folder and those above it that are missing, for their owner only.

    Raises:
        InvalidKeys: It cannot be made.
    """
    try:
        for each in (*reversed(folder.parents), folder):
            if not each.exists():
                each.mkdir(mode=0o700)
    except OSError as error:
        raise InvalidKeys(f"{folder} cannot be made: {error.strerror}") from error


def names(folder: Path) -> list[str]:
    """Return the names of the files in a folder, sorted.

    Raises:
        InvalidKeys: The folder is missing, or others may change it.
    """
    with _opened(folder) as opened:
        return sorted(os.listdir(opened))


def stamp(folder: Path, name: str) -> Stamp:
    """Return what tells whether a file has changed."""
    try:
        status = os.stat(folder / name, follow_symlinks=False)
    except OSError:
        return ()
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def read(folder: Path, name: str) -> str | None:
    """Return the text of a file, None where there is none.

    Raises:
        InvalidKeys: The folder or the file is open to others, is somebody else's, or is a link;
            the text says what to do.
    """
    with _opened(folder) as opened:
        return _read(opened, folder / name)


def create(folder: Path, name: str, text: str) -> None:
    """Write a file that must not be there yet.

    Raises:
        InvalidKeys: It is there, or it cannot be written.
    """
    with _opened(folder) as opened, _written(opened, folder / name, text) as temporary:
        os.link(temporary, name, src_dir_fd=opened, dst_dir_fd=opened, follow_symlinks=False)


def append(folder: Path, name: str, line: str) -> None:
    """Add a line to a file, or make the file; two that do so at once both get their line in.

    Raises:
        InvalidKeys: The file is none to rely on, or cannot be written.

    Blocks: the whole process, while another one adds a line.
    """
    with _opened(folder) as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        try:
            _append(opened, folder / name, line)
        finally:
            # Where the library is patched, closing is put off, and the lock would stay.
            fcntl.flock(opened, fcntl.LOCK_UN)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    try:
        opened = os.open(folder, _READ)
    except OSError as error:
        raise InvalidKeys(f"{folder}: {_why(error, 'folder')}") from error
    try:
        _judge_folder(folder, os.fstat(opened))
        yield opened
    finally:
        os.close(opened)


def _read(opened: int, path: Path) -> str | None:
    try:
        descriptor = os.open(path.name, _READ, dir_fd=opened)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InvalidKeys(f"{path}: {_why(error, 'file')}") from error
    try:
        _judge(path, os.fstat(descriptor))
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(MAX_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > MAX_BYTES or not content.isascii():
        raise InvalidKeys(f"{path} is no file of keys: move it away")
    return content.decode("ascii")


def _append(opened: int, path: Path, line: str) -> None:
    text = _read(opened, path) or ""
    between = "" if not text or text.endswith("\n") else "\n"
    with _written(opened, path, f"{text}{between}{line}\n") as temporary:
        os.rename(temporary, path.name, src_dir_fd=opened, dst_dir_fd=opened)


def _judge_folder(folder: Path, status: os.stat_result) -> None:
    if not stat.S_ISDIR(status.st_mode):
        raise InvalidKeys(f"{folder} is no folder: name the folder that the keys are in")
    _refuse_foreign(folder, status)
    if status.st_mode & _MAY_WRITE:
        raise InvalidKeys(f"others may change the folder {folder}: chmod 700 it")


def _judge(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise InvalidKeys(f"{path} is no ordinary file: put a file in its place")
    _refuse_foreign(path, status)
    if status.st_mode & _GROUP_AND_OTHERS:
        mode = stat.S_IMODE(status.st_mode)
        raise InvalidKeys(f"{path} is open to others (mode {mode:04o}): chmod 600 it")


def _refuse_foreign(path: Path, status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        raise InvalidKeys(
            f"{path} belongs to user {status.st_uid}, not to {os.geteuid()} who runs crowsg: "
            "chown it, or use a copy of your own"
        )


@contextmanager
def _written(opened: int, path: Path, text: str) -> Iterator[str]:
    """Give a temporary file with the text; what becomes of it is up to the block."""
    temporary = f".{path.name}.{secrets.token_hex(8)}"
    try:
        try:
            _write(os.open(temporary, _CREATE, 0o600, dir_fd=opened), text)
            yield temporary
            os.fsync(opened)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=opened)
    except FileExistsError as error:
        raise InvalidKeys(f"{path} is there already and stays as it is") from error
    except OSError as error:
        raise InvalidKeys(f"{path} cannot be written: {error.strerror}") from error


def _write(descriptor: int, text: str) -> None:
    with open(descriptor, "w", encoding="ascii") as file:
        # Whatever the umask left of it.
        os.fchmod(descriptor, 0o600)
        file.write(text)
        file.flush()
        os.fsync(descriptor)


def _why(error: OSError, what: str) -> str:
    if error.errno == errno.ELOOP:
        return f"is a symbolic link: put the {what} itself in its place"
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return f"there is no such {what}: make it with crowsg keys new, or copy it here"
    return f"{error.strerror}: make the {what} readable for who runs crowsg"
