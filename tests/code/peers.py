"""Code servers that call each other without a network."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgpack

from crowsg.code.server import CodeServer
from crowsg.code.store import Store
from crowsg.code.transfer import Call


class SenderDied(Exception):
    """Nobody calls any more."""


@contextmanager
def peer(private: Path, *folders: Path) -> Iterator[CodeServer]:
    """Give a code server whose received code lives below ``private``."""
    private.mkdir(exist_ok=True)
    server = CodeServer(folders, Store(private))
    yield server
    server.close()


def to(server: CodeServer, calls: list[str] | None = None, dies_after: int = 1000) -> Call:
    """Return what calls a server.

    Args:
        server: Who is called; all it gets and answers are copies.
        calls: Where each method called is noted.
        dies_after: After so many calls, the caller dies.
    """
    methods: dict[str, Callable[[Any], Any]] = {
        "code_offer": server.offered,
        "code_chunk": server.received,
        "code_finish": server.installed,
    }
    called = [] if calls is None else calls

    def call(method: str, body: Any) -> Any:
        if len(called) >= dies_after:
            raise SenderDied
        called.append(method)
        return travelled(methods[method](travelled(body)))

    return call


def travelled(value: Any) -> Any:
    """Return a value as it arrives."""
    return msgpack.unpackb(msgpack.packb(value))


def everything(folder: Path) -> dict[str, bytes]:
    """Return all that is below a folder, by path; folders and links end in a slash."""
    return {
        str(path.relative_to(folder)) + ("" if path.is_file() else "/"): (
            path.read_bytes() if path.is_file() else b""
        )
        for path in folder.rglob("*")
    }
