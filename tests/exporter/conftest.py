"""Servers that are stopped behind each test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from crowsg.exporter.server import MetricsServer
from tests.exporter.serving import LABELS, PAGE, UNKEPT, Start


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Give a stack that is closed behind the test."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def start(stack: ExitStack) -> Start:
    """Give a function that starts a server, by default on any free port."""

    def start(
        page: Callable[[], bytes] = lambda: PAGE,
        host: str = "127.0.0.1",
        port: int | None = 0,
        request_s: float = 10,
    ) -> MetricsServer:
        server = MetricsServer(page, lambda: LABELS, UNKEPT, request_s)
        stack.callback(server.stop)
        server.start(host, port)
        return server

    return start
