"""An HTTP/1.1 client made for load: fast, and every request is counted.

A session belongs to a user, or to several, and keeps connections open::

    session = http.Session("http://127.0.0.1:8080")
    response = session.get("/orders", operation="orders", since=permit)
    if response.ok:
        total = response.json()["total"]

Every request is one operation, timed from before connecting and sending to the end of the response.
It is ``ok``, or failed as ``status_404`` (any status from 400 on), ``timeout``, ``refused`` (nobody
listens, or nobody is there), ``dns``, ``tls``, ``closed`` (in the middle), ``protocol`` (what came
is no response, or exceeds the limits) or ``exhausted`` (this machine has no sockets or ports left).
A user that is asked to stop finishes its request first; one that is killed in the middle leaves it
``interrupted``, and its connection is closed.

A failed request raises nothing: its response has status 0, or that of the server, and ``error``
tells the kind. ``response.raise_for_status()`` raises ``HttpError``. What a scenario does wrong, as
a path without "/", raises at once and counts nothing.

A response may have the right status and be wrong all the same. Judge it, in a block that is no part
of the time it took::

    with session.get("/orders", judge=True) as response:
        if response.json()["total"] != 3:
            response.fail("wrong total")

Large bodies are taken as they come::

    with session.stream("/export") as response:
        size = sum(len(piece) for piece in response.pieces())

Other clients are patched by gevent and work as well. One line times them::

    with metrics.time("orders", since=permit): requests.get(url).raise_for_status()
"""

from crowsg.context import current_scope
from crowsg.errors import HttpError, InvalidRequest
from crowsg.protocols.http.client import Client
from crowsg.protocols.http.judged import StreamedResponse
from crowsg.protocols.http.response import Headers, Response

__all__ = ["Headers", "HttpError", "InvalidRequest", "Response", "Session", "StreamedResponse"]


class Session(Client):
    """Connections to one server, and how to talk to it; for the running user, or several.

    Any number of greenlets may use it: each request takes an idle connection, or opens one.

    Args:
        base_url: ``http://host:port``, ``https://host``, ``http://[::1]:8080`` or
            ``http+unix://%2Fpath%2Fof%2Fsocket``; a path in it goes before all paths.
        timeout: Seconds that a request may take in all; None: any time.
        headers: Sent with every request; None as a value leaves out one that is sent by default.
        auth: ``(user, password)`` for basic, text for bearer authorization; None for none.
        verify: Whether the certificate of the server must be trusted and be for its name.
        ca: File with the certificates that are trusted; None: the system's.
        cert: File with a certificate to show and its key, or both files; None: shows none.
        cookies: Whether cookies are kept and sent.
        redirects: How many in a row are followed for one request; the one after is the response.
        compressed: Whether bodies may come packed by gzip or deflate; they are unpacked.
        max_connections: How many requests may be under way; others wait. None: any number.
        max_body: Bytes a body may have, as sent and as unpacked; streams may have more.
        max_head: Bytes that the status line and all headers may have.
        max_headers: How many headers there may be.

    Raises:
        InvalidRequest: An argument makes no sense.
    """

    __slots__ = ()
    _scope = staticmethod(current_scope)
