"""The HTTP endpoint of the exporter: read-only, on loopback unless told otherwise."""

import errno
import json
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any

import gevent
from gevent import socket
from gevent.pool import Pool
from gevent.pywsgi import LoggingLogAdapter, WSGIHandler, WSGIServer

from crowsg.errors import InvalidAddress
from crowsg.exporter.exposition import CONTENT_TYPE
from crowsg.health.limits import reserved_files
from crowsg.supervision import Keep, Kept

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 9464
PORTS_TRIED = 100
MAX_CONNECTIONS = 512
BACKLOG = 128
REQUEST_S = 10.0

_LOGGER = logging.getLogger("crowsg")
_INDEX = b"crowsg\n\n/metrics         Prometheus series\n/sd/prometheus   targets, for http_sd\n"
_TEXT = "text/plain; charset=utf-8"

Answer = tuple[str, str, bytes]


class _Handler(WSGIHandler):  # type: ignore[misc]  # gevent is untyped
    """Ends a connection whose next request does not come, or is not read, in time.

    Whatever a stranger sends, and however a connection ends, nothing is printed: gevent would write
    tracebacks over the progress of a run.
    """

    def __init__(self, *args: Any, request_s: float) -> None:
        super().__init__(*args)
        self._request_s = request_s

    def handle_one_request(self) -> Any:
        with gevent.Timeout(self._request_s, False), suppress(OSError):
            answer = super().handle_one_request()
            if not isinstance(answer, tuple):
                return answer
            # What was no request is answered here, where time is limited, and not by the caller.
            self.socket.sendall(answer[1])
        self.close_connection = True
        return None

    def handle_error(self, kind: Any, error: Any, trace: Any) -> None:
        # In the midst of an answer: the time is up, the server stops, the other side is gone.
        _LOGGER.debug("an answer to %s was cut by %s", self.client_address, kind.__name__)
        self.close_connection = True

    def _handle_client_error(self, error: Exception) -> Any:
        if isinstance(error, ValueError):
            return super()._handle_client_error(error)
        return None


class _Server(WSGIServer):  # type: ignore[misc]  # gevent is untyped
    """Lets a scrape in even where users have taken all descriptors there are."""

    def do_read(self) -> Any:
        with reserved_files():
            return super().do_read()


class MetricsServer:
    """Serves ``/metrics`` and ``/sd/prometheus``.

    Args:
        page: Returns the text of a scrape.
        labels: Tells what service discovery says of the node.
        keep: Runs the loop that serves, for as long as it is not stopped.
        request_s: Seconds a request, or the next one on the same connection, may take to come, be
            answered and be read.
    """

    def __init__(
        self,
        page: Callable[[], bytes],
        labels: Callable[[], dict[str, str]],
        keep: Keep,
        request_s: float = REQUEST_S,
    ) -> None:
        self._page = page
        self._labels = labels
        self._keep = keep
        self._request_s = request_s
        self._server: Any = None
        self._kept: Kept | None = None

    @property
    def address(self) -> str:
        """Where it listens, ``host:port``; empty while it does not."""
        return "" if self._server is None else _spelled(*self._server.address[:2])

    def start(self, host: str = DEFAULT_HOST, port: int | None = None) -> None:
        """Begin to listen.

        Args:
            host: The interface.
            port: The port, 0 for any free one; None: 9464, or the next free one.

        Raises:
            InvalidAddress: It cannot be listened on.
        """
        if self._server is not None:
            return
        self._server = self._on_first_free(host) if port is None else self._listening((host, port))
        self._kept = self._keep("metrics server", self._serve)

    def stop(self) -> None:
        """Listen no more; requests being answered are cut."""
        if self._kept is not None:
            self._kept.stop()
        if self._server is not None:
            self._server.stop(timeout=0)
            self._server = None

    def _serve(self) -> None:
        if not self._server.started:
            # Whoever scrapes knows the address by now.
            self._server = self._listening(self._server.address[:2])
        self._server.serve_forever(stop_timeout=0)

    def _on_first_free(self, host: str) -> Any:
        for port in range(DEFAULT_PORT, DEFAULT_PORT + PORTS_TRIED - 1):
            try:
                return self._listening((host, port))
            except InvalidAddress as error:
                if not _is_taken(error):
                    raise
        return self._listening((host, DEFAULT_PORT + PORTS_TRIED - 1))

    def _listening(self, address: tuple[str, int]) -> Any:
        server = _Server(
            _bound(*address),
            self._answer,
            log=None,
            error_log=LoggingLogAdapter(_LOGGER, logging.DEBUG),
            handler_class=partial(_Handler, request_s=self._request_s),
            spawn=Pool(MAX_CONNECTIONS),
        )
        server.start()
        return server

    def _answer(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        if method in ("GET", "HEAD"):
            status, kind, body = self._found(environ["PATH_INFO"], environ.get("HTTP_HOST", ""))
        else:
            status, kind, body = "405 Method Not Allowed", _TEXT, b"read-only\n"
        headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
        if status.startswith("405"):
            headers.append(("Allow", "GET, HEAD"))
        start_response(status, headers)
        return [] if method == "HEAD" else [body]

    def _found(self, path: str, asked_host: str) -> Answer:
        if path == "/metrics":
            return self._scraped()
        if path == "/sd/prometheus":
            # By the address the scraper used: an interface may have many, 0.0.0.0 is none.
            targets = [{"targets": [asked_host or self.address], "labels": self._labels()}]
            return "200 OK", "application/json", json.dumps(targets).encode()
        if path == "/":
            return "200 OK", _TEXT, _INDEX
        return "404 Not Found", _TEXT, b"not found: try /metrics\n"

    def _scraped(self) -> Answer:
        try:
            return "200 OK", CONTENT_TYPE, self._page()
        except Exception:
            _LOGGER.exception("the metrics could not be told")
            return "500 Internal Server Error", _TEXT, b"the log of the node says why\n"


def _bound(host: str, port: int) -> Any:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        # A port can be taken again although connections of the server before still linger.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except (OSError, OverflowError, TypeError, ValueError) as error:
        listener.close()
        why = getattr(error, "strerror", None) or str(error)
        raise InvalidAddress("metrics", _spelled(host, port), why) from error
    return listener


def _spelled(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _is_taken(error: InvalidAddress) -> bool:
    return isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EADDRINUSE
