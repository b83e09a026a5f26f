"""The same bytes, encrypted.

The protocol runs in memory, between the socket's stream and whoever uses this one, so that the
waiting is that of any other connection.
"""

import _socket
import ssl

from crowsg.protocols.http.failure import CLOSED, TLS, Failure
from crowsg.protocols.http.transport import CHUNK, Stream


class TlsStream(Stream):
    """A socket that speaks TLS; ``handshake`` comes first.

    Args:
        sock: The connected socket; belongs to the stream from now on.
        context: What is trusted, and what is shown.
        name: Host that the certificate must be for.

    Raises:
        Failure: No certificate can be for that.
    """

    __slots__ = ("_incoming", "_outgoing", "_tls")

    def __init__(self, sock: "_socket.socket", context: ssl.SSLContext, name: str) -> None:
        super().__init__(sock)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        try:
            self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        except ValueError as error:
            raise Failure(TLS, str(error)) from None

    def handshake(self) -> None:
        """Agree with the peer.

        Raises:
            Failure: Its certificate is not trusted, or it refuses, breaks off or speaks no TLS.

        Blocks: until then.
        """
        try:
            while not self._shakes_hands():
                self._exchange()
            self._flush()
        except (ssl.SSLError, ValueError) as error:
            raise Failure(TLS, str(error)) from None
        except Failure as failure:
            raise Failure(TLS, failure.detail) from None

    def send(self, data: bytes) -> None:
        """Send all of ``data``; see ``Stream.send``."""
        try:
            self._tls.write(data)
        except ssl.SSLError as error:
            raise _failure_of(error) from None
        self._flush()

    def receive(self) -> bytes:
        """Return the next bytes, none at the end; see ``Stream.receive``.

        An end that TLS was not told of may be anybody's, so it is a failure.
        """
        while True:
            try:
                return self._read()
            except ssl.SSLWantReadError:
                self._exchange()
            except ssl.SSLZeroReturnError:
                return b""
            except ssl.SSLError as error:
                raise _failure_of(error) from None

    def is_quiet(self) -> bool:
        """Whether nothing came unasked that is more than TLS's own; see ``Stream.is_quiet``."""
        try:
            data = self._recv(CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._incoming.write(data)
        try:
            self._tls.read(1)
        except ssl.SSLWantReadError:
            # Such as tickets for later, which come once; who has more to tell is not quiet.
            return bool(data) and super().is_quiet()
        except ssl.SSLError:
            return False
        return False

    def _read(self) -> bytes:
        """Return all that came, and not one record of it: none may be left for the next request."""
        data = self._tls.read(CHUNK)
        while data and self._incoming.pending:
            try:
                data += self._tls.read(CHUNK)
            except ssl.SSLError:
                # It will be raised again by the next read.
                break
        return data

    def _shakes_hands(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError:
            # What went wrong is told to the peer, as far as that is possible.
            self._flush()
            raise
        return True

    def _exchange(self) -> None:
        self._flush()
        data = super().receive()
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def _flush(self) -> None:
        if self._outgoing.pending:
            super().send(self._outgoing.read())


def make_context(
    verify: bool, ca: str | None, cert: str | tuple[str, str] | None
) -> ssl.SSLContext:
    """Return what connections to servers share.

    Args:
        verify: Whether the certificate must be trusted, and be for the host.
        ca: File with the certificates that are trusted, instead of the system's.
        cert: File with the certificate that is shown, and the key; or both files.

    Raises:
        OSError: A file cannot be read, or holds nothing of the kind.
    """
    context = ssl.create_default_context(cafile=ca)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if cert is not None:
        files = (cert,) if isinstance(cert, str) else cert
        context.load_cert_chain(*files)
    return context


def _failure_of(error: ssl.SSLError) -> Failure:
    is_end = isinstance(error, ssl.SSLEOFError)
    return Failure(CLOSED if is_end else TLS, str(error))
