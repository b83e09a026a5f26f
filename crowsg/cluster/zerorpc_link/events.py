"""Events of zerorpc on their way: packed where they are made, judged where they come in."""

from collections.abc import Mapping
from typing import Any

import msgpack
import zerorpc
import zmq

from crowsg.cluster.packing import pack, unpack
from crowsg.errors import NotPackable

MAX_FRAMES = 3
MAX_ID_BYTES = 64


class BadFrame(Exception):
    """What came is no message."""


def packed_event(header: Mapping[str, object], name: str, payload: object) -> bytes:
    """Return an event as it travels.

    Raises:
        NotPackable: The payload cannot travel; it is judged alone, without what is around it.
    """
    packed = pack(payload)
    return b"".join((b"\x93", msgpack.packb(header), msgpack.packb(name), b"\x91", packed))


class PackedEvent(zerorpc.Event):  # type: ignore[misc]  # zerorpc is untyped
    """An event that is packed where it is made, so that whoever made it hears of what is wrong."""

    __slots__ = ("_packed",)

    def __init__(
        self, context: Any, name: str, payload: object, extra: dict[str, object] | None = None
    ) -> None:
        super().__init__(name, None, context)
        self._header.update(extra or {})
        self._packed = packed_event(self._header, name, payload)

    def pack(self) -> bytes:
        """Return the event as it travels."""
        return self._packed

    @property
    def message_id(self) -> bytes:
        """What an answer to it refers to."""
        return bytes(self._header["message_id"])


class Received:
    """An event that came in, every part of it of the kind it should be.

    Attributes:
        header: As sent: text keys, plain values.
        name: The method, topic or kind of answer.
        args: What it was called with.
        identity: What an answer begins with; empty where answers need none.
        frame: The frame of the event, for what the transport knows of its sender.
    """

    __slots__ = ("args", "frame", "header", "identity", "name")

    def __init__(self, frames: list[zmq.Frame]) -> None:
        if not 2 <= len(frames) <= MAX_FRAMES or len(frames[-2]):
            raise BadFrame("its frames are not those of an event")
        self.identity = [frame.bytes for frame in frames[:-2]]
        self.frame = frames[-1]
        try:
            event = unpack(self.frame.buffer, wrapped=2)
        except NotPackable as error:
            raise BadFrame(str(error)) from None
        if not (isinstance(event, list) and [type(each) for each in event] == [dict, str, list]):
            raise BadFrame("it is no event")
        self.header, self.name, self.args = event
        if not all(_is_id(self.header[key]) for key in _IDS if key in self.header):
            raise BadFrame("its ids are none")

    @property
    def message_id(self) -> bytes | str | None:
        """What an answer refers to, None where none is wanted."""
        found: bytes | str | None = self.header.get("message_id")
        return found


_IDS = ("message_id", "response_to")


def _is_id(value: object) -> bool:
    return isinstance(value, bytes | str) and len(value) <= MAX_ID_BYTES
