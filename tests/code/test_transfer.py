"""From one node to another in plain values: whole, or not at all."""

from typing import Any

import msgpack
import pytest

from crowsg.code.bundle import Bundle
from crowsg.code.manifest import Entry, Manifest
from crowsg.code.transfer import (
    CHUNK_BYTES,
    MAX_RECEIVINGS,
    Receiving,
    Receivings,
    Sending,
    send,
)
from crowsg.errors import CodeRefused

LARGE = Bundle.of(
    "load", {"a.csv": b"a" * CHUNK_BYTES, "b.csv": b"", "c.csv": b"c" * 10, "d.py": b"x = 1\n"}
)
SMALL = Bundle.of("chat", {"chat.py": b"x = 1\n"})


def chunks(bundle: Bundle) -> list[tuple[int, bytes]]:
    return [(chunk["index"], chunk["data"]) for chunk in Sending(bundle).chunks()]


def receive(manifest: Manifest, parts: list[tuple[int, bytes]]) -> Bundle:
    receiving = Receiving(manifest)
    for index, data in parts:
        receiving.take(index, data)
    return receiving.finish()


@pytest.mark.parametrize("bundle", [LARGE, SMALL], ids=["large", "small"])
def test_what_arrives_is_what_was_sent(bundle: Bundle) -> None:
    assert receive(bundle.manifest, chunks(bundle)) == bundle


def test_chunks_may_come_in_any_order() -> None:
    assert receive(LARGE.manifest, chunks(LARGE)[::-1]) == LARGE


def test_a_chunk_may_come_twice() -> None:
    assert receive(LARGE.manifest, chunks(LARGE) * 2) == LARGE


def test_files_without_contents_need_no_chunks() -> None:
    empty = Bundle.of("chat", {"chat.py": b""})

    assert (chunks(empty), receive(empty.manifest, [])) == ([], empty)


def test_chunks_are_of_at_most_1_MiB() -> None:
    assert [len(data) for _, data in chunks(LARGE)] == [CHUNK_BYTES, 16]


def test_all_messages_are_plain_values() -> None:
    sending = Sending(LARGE)
    messages = [sending.offer, *sending.chunks(), sending.end]

    assert msgpack.unpackb(msgpack.packb(messages)) == messages


def test_a_bundle_is_offered_then_sent() -> None:
    called = []

    def call(method: str, body: dict[str, Any]) -> dict[str, str]:
        called.append(method)
        return {"answer": "send"}

    assert send(call, LARGE) == "sent"
    assert called == ["code_offer", "code_chunk", "code_chunk", "code_finish"]


def test_a_known_bundle_is_offered_only() -> None:
    called = []

    def call(method: str, body: dict[str, Any]) -> dict[str, str]:
        called.append(method)
        return {"answer": "known"}

    assert (send(call, LARGE), called) == ("known", ["code_offer"])


@pytest.mark.parametrize(
    ("index", "data"),
    [
        pytest.param(2, b"", id="extra"),
        pytest.param(-1, b"a" * 16, id="before-the-first"),
        pytest.param(True, b"a" * 16, id="index-is-a-truth"),
        pytest.param("1", b"a" * 16, id="index-is-a-text"),
        pytest.param(None, b"a" * 16, id="no-index"),
        pytest.param(1, b"a" * 15, id="truncated"),
        pytest.param(1, b"a" * 17, id="too-long"),
        pytest.param(1, "a" * 16, id="text"),
        pytest.param(1, None, id="no-data"),
        pytest.param(0, b"b" * CHUNK_BYTES, id="another-than-before"),
    ],
)
def test_a_wrong_chunk_is_refused(index: Any, data: Any) -> None:
    receiving = Receiving(LARGE.manifest)
    receiving.take(*chunks(LARGE)[0])

    with pytest.raises(CodeRefused):
        receiving.take(index, data)


def test_a_refused_chunk_does_no_harm() -> None:
    receiving = Receiving(LARGE.manifest)
    first, second = chunks(LARGE)
    receiving.take(*first)
    with pytest.raises(CodeRefused):
        receiving.take(0, b"b" * CHUNK_BYTES)

    receiving.take(*second)

    assert receiving.finish() == LARGE


def test_a_missing_chunk_is_refused() -> None:
    with pytest.raises(CodeRefused, match="1 of 2 chunks are missing"):
        receive(LARGE.manifest, chunks(LARGE)[:1])


def test_contents_that_were_not_offered_are_refused() -> None:
    with pytest.raises(CodeRefused, match=r"chat\.py is not what was offered"):
        receive(SMALL.manifest, [(0, b"x = 2\n")])


def test_contents_shifted_from_one_file_to_the_next_are_refused() -> None:
    manifest = Bundle.of("load", {"a": b"12", "b": b"3"}).manifest

    with pytest.raises(CodeRefused, match=r"a is not .*; b is not"):
        receive(manifest, [(0, b"231")])


def test_what_is_no_python_is_refused() -> None:
    manifest = Manifest.of("chat", [Entry.of("chat.py", b"x = (")])

    with pytest.raises(CodeRefused, match=r"chat\.py: line 1: '\(' was never closed"):
        receive(manifest, [(0, b"x = (")])


def named(number: int, size: int = 0) -> Manifest:
    return Manifest.of(f"chat{number}", [Entry("x", size, "0" * 64)])


def under_way(receivings: Receivings, manifest: Manifest) -> bool:
    try:
        receivings.of(manifest.name, manifest.digest)
    except CodeRefused:
        return False
    return True


def test_what_was_not_offered_is_not_under_way() -> None:
    assert not under_way(Receivings(), named(1))


def test_one_that_is_offered_again_goes_on() -> None:
    receivings = Receivings()
    receivings.open(LARGE.manifest)
    receivings.of(LARGE.name, LARGE.digest).take(*chunks(LARGE)[0])

    receivings.open(LARGE.manifest)

    receivings.of(LARGE.name, LARGE.digest).take(*chunks(LARGE)[1])
    assert receivings.of(LARGE.name, LARGE.digest).finish() == LARGE


def test_of_too_many_the_one_silent_for_longest_is_dropped() -> None:
    receivings = Receivings()
    for number in range(MAX_RECEIVINGS):
        receivings.open(named(number))
    under_way(receivings, named(0))

    receivings.open(named(MAX_RECEIVINGS))

    assert len(receivings) == MAX_RECEIVINGS
    assert [under_way(receivings, named(number)) for number in (0, 1, 2)] == [True, False, True]


def test_of_too_many_bytes_the_ones_silent_for_longest_are_dropped() -> None:
    receivings = Receivings()
    for number in range(4):
        receivings.open(named(number, 32 << 20))

    receivings.open(named(4, 64 << 20))

    assert [under_way(receivings, named(number, 32 << 20)) for number in range(4)] == [
        False,
        False,
        True,
        True,
    ]


def test_one_that_is_closed_is_not_under_way() -> None:
    receivings = Receivings()
    receivings.open(named(1))

    receivings.close("chat1", named(1).digest)

    assert not under_way(receivings, named(1))
