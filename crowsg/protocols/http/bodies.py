"""Bodies, on their way out and back."""

import json as json_format
import zlib
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from crowsg.errors import InvalidRequest
from crowsg.protocols.http.failure import PROTOCOL, Failure

Form = Mapping[str, Any] | Sequence[tuple[str, Any]]

ACCEPTED = "gzip, deflate"

_GZIP, _ZLIB, _RAW = 31, 15, -15
_CODINGS = {b"gzip": _GZIP, b"x-gzip": _GZIP, b"deflate": _ZLIB}


def encode(body: bytes | str | None, json: Any, form: Form | None) -> tuple[bytes | None, str]:
    """Return a body as bytes, None for none, and its type, "" where nothing tells it.

    Raises:
        InvalidRequest: There is more than one, or what was given cannot be one.
    """
    given = [each for each in (body, json, form) if each is not None]
    if not given:
        return None, ""
    if len(given) > 1:
        raise InvalidRequest("a request has one body: body, json or form")
    if json is not None:
        return _json(json), "application/json"
    if form is not None:
        return _form(form), "application/x-www-form-urlencoded"
    if isinstance(body, str):
        return body.encode(), "text/plain; charset=utf-8"
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body), ""
    raise InvalidRequest(f"a body is bytes or text, not {type(body).__name__}")


def decode(body: bytes, codings: Sequence[bytes], limit: int) -> bytes:
    """Undo what a server did to a body to make it small.

    Args:
        body: As it came.
        codings: The names in Content-Encoding, small letters, in the order they were applied.
        limit: Bytes it may have in the end.

    Raises:
        Failure: It is damaged, larger than that, or packed in a way nobody asked for.
    """
    for coding in reversed(codings):
        if coding == b"identity" or not body:
            continue
        if coding not in _CODINGS:
            raise Failure(PROTOCOL, f"content coding {coding.decode('latin-1')}")
        body = _inflate(body, _CODINGS[coding], limit)
    return body


def _inflate(body: bytes, window: int, limit: int) -> bytes:
    # Half of the servers take "deflate" for what it says, the other half for what is meant.
    if window == _ZLIB and not _has_zlib_header(body):
        window = _RAW
    pieces: list[bytes] = []
    size = 0
    while body:
        unpacker = zlib.decompressobj(window)
        try:
            pieces.append(unpacker.decompress(body, limit - size + 1))
        except zlib.error as error:
            raise Failure(PROTOCOL, str(error)) from None
        size += len(pieces[-1])
        if size > limit:
            raise Failure(PROTOCOL, "unpacked body too large")
        if not unpacker.eof:
            raise Failure(PROTOCOL, "packed body cut short")
        # A file of gzip may be several, one after the other.
        body = unpacker.unused_data if window == _GZIP else b""
    return b"".join(pieces)


def _has_zlib_header(body: bytes) -> bool:
    return len(body) > 1 and body[0] & 15 == 8 and (body[0] << 8 | body[1]) % 31 == 0


def _json(value: Any) -> bytes:
    try:
        return json_format.dumps(value, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest(f"no JSON: {error}") from None


def _form(form: Form) -> bytes:
    try:
        return urlencode(form, doseq=True).encode()
    except (TypeError, ValueError):
        raise InvalidRequest(f"a form is names and values, not {type(form).__name__}") from None
