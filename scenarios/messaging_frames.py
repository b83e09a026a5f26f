"""JSON objects back to back on a stream, as ``messaging.py`` and its server speak them."""

import json
import re
from collections.abc import Iterator
from typing import Any, Never, cast

FRAME_LIMIT = 64 * 1024

_SPACE = re.compile(rb"[ \t\r\n]*")
_TOKEN = re.compile(rb'["{}]|\\.?', re.DOTALL)


class Malformed(ValueError):
    """What arrived is not a sequence of JSON objects, or one of them is too large."""


class Frames:
    """Cuts a stream of bytes into JSON objects without parsing them.

    Outside of strings only braces matter: where they balance, the object ends, if it is one. So
    every byte is looked at once however the stream is cut, and "not all here yet" is never taken
    for "malformed". UTF-8 needs no care: no byte of a longer character looks like ASCII.

    Args:
        limit: The largest object, in bytes.
    """

    def __init__(self, limit: int = FRAME_LIMIT) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._scanned = 0
        self._depth = 0
        self._quoted = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the objects that ``data`` completes, each as the very bytes that came.

        The iterator has to be used up before the next ``feed``. It yields what is good before it
        raises; after that the stream is lost.

        Raises:
            Malformed: something else than an object begins, or one is above the limit.
        """
        self._buffer += data
        while self._begin() and (end := self._scan()):
            self._check_size(end)
            frame = bytes(self._buffer[:end])
            del self._buffer[:end]
            self._scanned = 0
            yield frame
        self._check_size(len(self._buffer))

    def _begin(self) -> bool:
        """Skip the space before an object; tell whether one has begun."""
        if self._depth:
            return True
        # No match may outlive its line: the buffer cannot grow or shrink while one refers to it.
        del self._buffer[: cast("re.Match[bytes]", _SPACE.match(self._buffer)).end()]
        if self._buffer and self._buffer[0] != ord("{"):
            raise Malformed("not a JSON object")
        return bool(self._buffer)

    def _scan(self) -> int:
        """Return where the object that has begun ends, 0 if it has not ended."""
        for token in _TOKEN.finditer(self._buffer, self._scanned):
            mark = token[0]
            if mark == b'"':
                self._quoted = not self._quoted
            elif mark == b"\\":  # the byte that it escapes has not come yet
                self._scanned = token.start()
                return 0
            elif not self._quoted and len(mark) == 1:
                self._depth += 1 if mark == b"{" else -1
                if not self._depth:
                    return token.end()
        self._scanned = len(self._buffer)
        return 0

    def _check_size(self, size: int) -> None:
        if size > self._limit:
            raise Malformed(f"an object above {self._limit} bytes")


def _refuse(constant: str) -> Never:
    raise Malformed(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)


def parse(frame: bytes) -> dict[str, Any]:
    """Return the object that a frame holds.

    Raises:
        Malformed: it is not JSON, or not UTF-8, or nested too deeply.
    """
    try:
        return cast("dict[str, Any]", _DECODER.decode(frame.decode()))
    except (ValueError, RecursionError) as error:
        raise Malformed(str(error)) from error
