"""A server for the scenarios that need one."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from gevent.pywsgi import WSGIServer


class Pages:
    """A server whose pages all say the same, and which knows who asked for which.

    Attributes:
        url: Where it is.
        asked: The paths asked for, and from which port.
    """

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[tuple[str, str]] = []

    def answer(self, environment: dict[str, Any], begin: Callable[..., object]) -> list[bytes]:
        """Answer as a WSGI application does."""
        self.asked.append((environment["PATH_INFO"], environment["REMOTE_PORT"]))
        begin("200 OK", [("Content-Type", "text/plain")])
        return [b"hello, world\n"]


@pytest.fixture
def pages() -> Iterator[Pages]:
    """Give a server that runs."""
    pages = Pages()
    server = WSGIServer(("127.0.0.1", 0), pages.answer, log=None)
    server.start()
    pages.url = f"http://127.0.0.1:{server.server_port}"
    yield pages
    server.stop()
