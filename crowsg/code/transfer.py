"""How a bundle goes to another node: an offer, chunks, an end. Plain values, no network."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from crowsg.code.bundle import Bundle
from crowsg.code.manifest import MAX_BUNDLE_BYTES, Entry, Manifest, refuse
from crowsg.errors import CodeRefused
from crowsg.text import line_of

OFFER, CHUNK, FINISH = "code_offer", "code_chunk", "code_finish"
"""The calls, in their order."""

CHUNK_BYTES = 1 << 20
MAX_RECEIVINGS = 8
MAX_RECEIVED_BYTES = 2 * MAX_BUNDLE_BYTES

Plain = dict[str, Any]
Call = Callable[[str, Plain], Any]
"""Calls a method of another node with a body, and returns its answer."""


def send(call: Call, bundle: Bundle) -> str:
    """Bring a bundle to another node, unless it is there.

    Args:
        call: How.
        bundle: What.

    Returns:
        "sent", or "known" if nothing had to be.

    Raises:
        CodeRefused: The other node does not want it; whatever else ``call`` raises.

    Blocks: as long as the calls do, of which there are at most 66.
    """
    sending = Sending(bundle)
    if call(OFFER, sending.offer)["answer"] == "known":
        return "known"
    for chunk in sending.chunks():
        call(CHUNK, chunk)
    call(FINISH, sending.end)
    return "sent"


class Sending:
    """The sender's side: what to say about a bundle.

    Args:
        bundle: What is sent.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self.offer: Plain = bundle.manifest.plain()
        self.end: Plain = {"name": bundle.name, "digest": bundle.digest}

    def chunks(self) -> Iterator[Plain]:
        """Yield the contents of all files, one after the other, cut at every MiB."""
        data = b"".join(self._bundle.contents)
        for index in range(_chunks_of(self._bundle.manifest)):
            part = data[index * CHUNK_BYTES : (index + 1) * CHUNK_BYTES]
            yield {**self.end, "index": index, "data": part}


class Receiving:
    """The receiver's side of one bundle; what came so far is in memory only.

    Args:
        manifest: Checked.
    """

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self._chunks: dict[int, bytes] = {}

    def take(self, index: Any, data: Any) -> None:
        """Take one chunk, in any order; the same one again is no fault, as calls may be repeated.

        Raises:
            CodeRefused: It is no chunk of this bundle, or another one than before.
        """
        self._refuse(self._problem(index, data))
        self._chunks[index] = data

    def finish(self) -> Bundle:
        """Return the bundle.

        Raises:
            CodeRefused: Chunks are missing, contents are not what was offered, or no Python.
        """
        count = _chunks_of(self.manifest)
        missing = count - len(self._chunks)
        self._refuse(f"{missing} of {count} chunks are missing" if missing else "")
        data = b"".join(self._chunks[index] for index in range(count))
        bundle = Bundle(self.manifest, tuple(_cut(data, self.manifest)))
        found = zip(self.manifest.entries, bundle.files, strict=True)
        refuse(
            self.manifest.name,
            (f"{e.path} is not what was offered" for e, file in found if Entry.of(*file) != e),
        )
        bundle.check_syntax()
        return bundle

    def _problem(self, index: Any, data: Any) -> str:
        if type(index) is not int or not 0 <= index < _chunks_of(self.manifest):
            return f"it has no chunk {line_of(index, 20)}"
        expected = min(CHUNK_BYTES, self.manifest.size - index * CHUNK_BYTES)
        if type(data) is not bytes or len(data) != expected:
            return f"chunk {index} is not of {expected} bytes"
        if self._chunks.get(index, data) != data:
            return f"chunk {index} came before, and was another"
        return ""

    def _refuse(self, problem: str) -> None:
        refuse(self.manifest.name, [problem] if problem else [])


class Receivings:
    """The bundles that are under way to this node.

    There are limits to their number and bytes: where a new one would exceed them, those that were
    silent for the longest are dropped, as their senders may have died.
    """

    def __init__(self) -> None:
        self._open: OrderedDict[tuple[str, str], Receiving] = OrderedDict()

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._open)

    def open(self, manifest: Manifest) -> None:
        """Begin, or go on with what was begun already."""
        key = (manifest.name, manifest.digest)
        receiving = self._open.pop(key, None) or Receiving(manifest)
        while self._open and not self._has_room(receiving):
            self._open.popitem(last=False)
        self._open[key] = receiving

    def of(self, name: str, digest: str) -> Receiving:
        """Return one of them.

        Raises:
            CodeRefused: It was not begun, or dropped.
        """
        key = (name, digest)
        if key not in self._open:
            problem = "it is not under way, or was dropped: offer it again"
            raise CodeRefused(line_of(name, 64), [problem])
        self._open.move_to_end(key)
        return self._open[key]

    def close(self, name: str, digest: str) -> None:
        """Forget one of them, whatever became of it."""
        self._open.pop((name, digest), None)

    def clear(self) -> None:
        """Forget all of them."""
        self._open.clear()

    def _has_room(self, another: Receiving) -> bool:
        size = sum(receiving.manifest.size for receiving in self._open.values())
        is_small = size + another.manifest.size <= MAX_RECEIVED_BYTES
        return is_small and len(self._open) < MAX_RECEIVINGS


def _chunks_of(manifest: Manifest) -> int:
    return -(-manifest.size // CHUNK_BYTES)


def _cut(data: bytes, manifest: Manifest) -> Iterator[bytes]:
    start = 0
    for entry in manifest.entries:
        yield data[start : start + entry.size]
        start += entry.size
