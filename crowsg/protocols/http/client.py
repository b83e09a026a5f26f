"""The client: builds requests, has them sent, and records what became of them."""

from typing import Any, Self, TypedDict, Unpack

from crowsg.clock import to_ns
from crowsg.context import Scope
from crowsg.errors import InvalidRequest
from crowsg.metrics.operation import Moment, Operation, Timing
from crowsg.protocols.http.bodies import ACCEPTED, Form, encode
from crowsg.protocols.http.commons import Trust
from crowsg.protocols.http.deadlines import NEVER_NS
from crowsg.protocols.http.engine import Engine, Manners
from crowsg.protocols.http.heads import (
    Auth,
    Headers,
    Params,
    authorization,
    merged,
    method_of,
    target_of,
)
from crowsg.protocols.http.judged import JudgedResponse, Sending, StreamedResponse
from crowsg.protocols.http.origin import split
from crowsg.protocols.http.parsing import Limits
from crowsg.protocols.http.request import Request
from crowsg.protocols.http.response import Response

_REMEMBERED = 1000
"""Requests that are kept ready; paths that carry an id would fill the memory."""


class Options(TypedDict, total=False):
    """What a request takes beside method and path; see ``Client.request``."""

    operation: str
    since: Moment | None
    headers: Headers | None
    params: Params | None
    timeout: float | None
    judge: bool
    body: bytes | str | None
    json: Any
    form: Form | None


class Client:
    """The requests of ``http.Session``, which lists the arguments.

    What is left open is how it finds the node that a request is recorded on.
    """

    __slots__ = ("_engine", "_headers", "_known", "_origin", "_packs", "_prefix", "_timeout_ns")

    def __init__(  # noqa: PLR0913 - each is optional, and named by the caller
        self,
        base_url: str,
        *,
        timeout: float | None = 30.0,
        headers: Headers | None = None,
        auth: Auth | None = None,
        verify: bool = True,
        ca: str | None = None,
        cert: str | tuple[str, str] | None = None,
        cookies: bool = False,
        redirects: int = 0,
        compressed: bool = False,
        max_connections: int | None = None,
        max_body: int = 64 << 20,
        max_head: int = 65536,
        max_headers: int = 256,
    ) -> None:
        self._origin, self._prefix = split(base_url)
        self._timeout_ns = _timeout_ns(timeout)
        if max_connections is not None and max_connections < 1:
            raise InvalidRequest("without a connection nothing is ever sent")
        if redirects < 0:
            raise InvalidRequest(f"{redirects} redirects cannot be followed")
        if not isinstance(verify, bool):
            raise InvalidRequest("verify is True or False: give a file of certificates as ca")
        limits = Limits(max_head, max_headers, max_body)
        trust = Trust(verify, ca, cert)
        manners = Manners(trust, limits, cookies, redirects, compressed, max_connections)
        self._engine = Engine(self._origin, manners)
        self._packs = compressed
        self._headers = merged(_defaults(compressed, auth), headers)
        self._known: dict[tuple[str, str], Request] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close idle connections; the session may still be used, and opens new ones.

        Blocks: never.
        """
        self._engine.close()

    def get(
        self,
        path: str,
        *,
        operation: str = "",
        since: Moment | None = None,
        headers: Headers | None = None,
        params: Params | None = None,
        timeout: float | None = None,
        judge: bool = False,
    ) -> Response:
        """Send a GET; see ``request``."""
        # Written out, as a dictionary of options would cost a fiftieth of the whole request.
        return self.request(
            "GET",
            path,
            operation=operation,
            since=since,
            headers=headers,
            params=params,
            timeout=timeout,
            judge=judge,
        )

    def post(self, path: str, **options: Unpack[Options]) -> Response:
        """Send a POST; see ``request``."""
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Unpack[Options]) -> Response:
        """Send a PUT; see ``request``."""
        return self.request("PUT", path, **options)

    def patch(self, path: str, **options: Unpack[Options]) -> Response:
        """Send a PATCH; see ``request``."""
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Unpack[Options]) -> Response:
        """Send a DELETE; see ``request``."""
        return self.request("DELETE", path, **options)

    def head(self, path: str, **options: Unpack[Options]) -> Response:
        """Send a HEAD; see ``request``."""
        return self.request("HEAD", path, **options)

    def options(self, path: str, **options: Unpack[Options]) -> Response:
        """Send an OPTIONS; see ``request``."""
        return self.request("OPTIONS", path, **options)

    def request(  # noqa: PLR0913 - each is optional, and named by the caller
        self,
        method: str,
        path: str,
        *,
        operation: str = "",
        since: Moment | None = None,
        headers: Headers | None = None,
        params: Params | None = None,
        timeout: float | None = None,
        judge: bool = False,
        body: bytes | str | None = None,
        json: Any = None,
        form: Form | None = None,
    ) -> Response:
        """Send a request, and record it as one operation, whatever becomes of it.

        Args:
            method: As it is sent.
            path: From "/" on, with or without a query.
            operation: What it is recorded as; "": method and path, without query.
            since: The moment it should have been sent at, as for ``metrics.time``.
            headers: More of them, for this request alone.
            params: Appended to the query.
            timeout: Seconds for this request; None: those of the session.
            judge: Whether to send it only when the response is entered by ``with``, and to record
                it when that block ends.
            body: Bytes, or text, sent as UTF-8.
            json: A value, sent as JSON.
            form: Names and values, sent as a form.

        Returns:
            The response; where none came its status is 0 and its ``error`` tells why.

        Raises:
            InvalidRequest: It cannot be sent like that.
            NoCurrentNode: Called outside of every node.
            UserStop: The user was asked to stop before.

        Blocks: until the response is complete, or failed.
        """
        if params is None and body is None and json is None and form is None:
            request = self._known.get((method, path)) or self._remember(method, path)
            if headers:
                request = request.extended(headers) or self._build(
                    method, path, headers, None, None, ""
                )
        else:
            request = self._build(method, path, headers, params, *encode(body, json, form))
        timeout_ns = self._timeout_ns if timeout is None else _timeout_ns(timeout)
        scope = self._scope()
        node = scope.node
        engine = self._engine
        engine.work_on(node)
        recorded: Operation = node.recorder.operations[operation or request.name]
        if judge or self._packs:
            sending = Sending(engine, request, timeout_ns, recorded, since, scope.user)
            return JudgedResponse(sending) if judge else sending.send_and_record()
        response = Response(request.name)
        with Timing(recorded, engine.now_ns, since, scope.user) as timing:
            engine.perform(request, response, timeout_ns)
            if response.error:
                timing.fail(response.error)
        return response

    def stream(  # noqa: PLR0913 - each is optional, and named by the caller
        self,
        path: str,
        *,
        method: str = "GET",
        operation: str = "",
        since: Moment | None = None,
        headers: Headers | None = None,
        params: Params | None = None,
        timeout: float | None = None,
        body: bytes | str | None = None,
        json: Any = None,
        form: Form | None = None,
    ) -> StreamedResponse:
        """Return a request whose response is read in pieces, while a ``with`` block runs.

        It is sent when the block begins and recorded when it ends. Redirects are not followed, and
        nothing is unpacked. Arguments and errors are those of ``request``.
        """
        request = self._build(method, path, headers, params, *encode(body, json, form))
        timeout_ns = self._timeout_ns if timeout is None else _timeout_ns(timeout)
        scope = self._scope()
        node = scope.node
        self._engine.work_on(node)
        recorded: Operation = node.recorder.operations[operation or request.name]
        sending = Sending(self._engine, request, timeout_ns, recorded, since, scope.user)
        return StreamedResponse(sending)

    @staticmethod
    def _scope() -> Scope:
        """Tell on which node, and for which user, a request is sent."""
        raise NotImplementedError

    def _remember(self, method: str, path: str) -> Request:
        request = self._build(method, path, None, None, None, "")
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[method, path] = request
        return request

    def _build(
        self,
        method: str,
        path: str,
        headers: Headers | None,
        params: Params | None,
        body: bytes | None,
        kind: str,
    ) -> Request:
        sent = merged(self._headers, {"Content-Type": kind} if kind else None)
        return Request(
            self._origin,
            method_of(method),
            self._prefix + target_of(path, params),
            merged(sent, headers),
            body,
        )


def _defaults(compressed: bool, auth: Auth | None) -> dict[str, str]:
    headers: dict[str, str | None] = {"User-Agent": "crowsg", "Accept": "*/*"}
    if compressed:
        headers["Accept-Encoding"] = ACCEPTED
    if auth is not None:
        headers["Authorization"] = authorization(auth)
    return merged({}, headers)


def _timeout_ns(seconds: float | None) -> int:
    if seconds is None:
        return NEVER_NS
    if not isinstance(seconds, int | float) or not 0 < seconds < 1e9:
        raise InvalidRequest(f"a timeout is a number of seconds above 0, not {seconds!r:.60}")
    return to_ns(seconds)
