import itertools
import json
import random
import re
from collections.abc import Iterator
from typing import Any

import messaging_frames
import pytest
from messaging_frames import FRAME_LIMIT, Frames, Malformed, parse

OBJECTS = [
    pytest.param([b"{}"], id="empty"),
    pytest.param([b'{"a":1}', b'{"b":2}'], id="two back to back"),
    pytest.param([b'{"a":{"b":{"c":{}}}}', b"{}"], id="nested"),
    pytest.param([b'{"a":[{"b":1},{"c":[{}]}]}'], id="in lists"),
    pytest.param([b'{"}{":"}}}{{{"}', b'{"a":"[{"}'], id="braces in texts"),
    pytest.param([rb'{"a":"\"}"}', rb'{"a":"\\"}', rb'{"\\\"":"\\\\\"}"}'], id="escapes"),
    pytest.param([rb'{"a":"\u007d\n\/"}'], id="escaped characters"),
    pytest.param(['{"ключ":"🐦‍⬛ é"}'.encode()], id="characters of many bytes"),
    pytest.param([b'{ "a" :\r\n\t1 }', b"{ }"], id="space inside"),
]

NOT_OBJECTS = [
    pytest.param(b"[1]", id="list"),
    pytest.param(b'"text"', id="text"),
    pytest.param(b"1", id="number"),
    pytest.param(b"null", id="null"),
    pytest.param(b"}", id="closing brace"),
    pytest.param(b",{}", id="comma between objects"),
    pytest.param(b"\0", id="zero byte"),
    pytest.param(b"\xef\xbb\xbf{}", id="byte order mark"),
    pytest.param(b"\x0b{}", id="space that is none in JSON"),
    pytest.param(b"\\", id="backslash"),
]

NOT_JSON = [
    pytest.param(b'{"a":[}', id="open list"),
    pytest.param(b'{"a" 1}', id="no colon"),
    pytest.param(b"{'a':1}", id="wrong quotes"),
    pytest.param(b'{"a":1,}', id="trailing comma"),
    pytest.param(b'{"a":NaN}', id="NaN"),
    pytest.param(b'{"a":-Infinity}', id="infinity"),
    pytest.param(b'{"a":"\n"}', id="line end in a text"),
    pytest.param(rb'{"a":"\x"}', id="unknown escape"),
    pytest.param(rb"{\"a\":1}", id="escapes outside of texts"),
    pytest.param(b'{"a":"\xff"}', id="no UTF-8"),
    pytest.param(b'{"a":"\xed\xa0\x80"}', id="surrogate in UTF-8"),
    pytest.param(b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}", id="too deep"),
    pytest.param(b'{"a":' + b"9" * 5_000 + b"}", id="too long a number"),
]


def _cut(data: bytes, *places: int) -> list[bytes]:
    edges = [0, *sorted(places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def _read(pieces: list[bytes]) -> tuple[list[bytes], str]:
    """Return the frames and what was raised after them."""
    frames = Frames()
    found: list[bytes] = []
    try:
        for piece in pieces:
            found.extend(frames.feed(piece))  # keeps what came before the error
    except Malformed as error:
        return found, str(error)
    return found, ""


def _object(rng: random.Random) -> dict[str, Any]:
    return {_text(rng): _value(rng, depth=3) for _ in range(rng.randrange(4))}


def _value(rng: random.Random, depth: int) -> Any:
    kind = rng.randrange(5 if depth else 3)
    if kind == 3:
        return [_value(rng, depth - 1) for _ in range(rng.randrange(4))]
    if kind == 4:
        return {_text(rng): _value(rng, depth - 1) for _ in range(rng.randrange(4))}
    return (_text(rng), rng.uniform(-1e9, 1e9), rng.choice([None, True, False]))[kind]


def _text(rng: random.Random) -> str:
    return "".join(rng.choices('{}[]"\\,: \n\tabcé€🐦\x00', k=rng.randrange(12)))


def _written(rng: random.Random) -> bytes:
    indent = rng.choice([None, 1])
    return json.dumps(_object(rng), ensure_ascii=rng.random() < 0.5, indent=indent).encode()


@pytest.mark.parametrize("objects", OBJECTS)
@pytest.mark.parametrize("space", [b"", b" \r\n\t "], ids=["tight", "spaced"])
def test_objects_are_found_wherever_the_stream_is_cut(objects: list[bytes], space: bytes) -> None:
    stream = space + space.join(objects) + space

    for place in range(len(stream) + 1):
        assert _read(_cut(stream, place)) == (objects, "")


@pytest.mark.parametrize("objects", OBJECTS)
def test_objects_are_found_when_every_byte_comes_alone(objects: list[bytes]) -> None:
    stream = b"".join(objects)

    assert _read(_cut(stream, *range(1, len(stream)))) == (objects, "")


@pytest.mark.parametrize("objects", OBJECTS)
def test_an_object_is_found_with_its_last_byte_and_not_before(objects: list[bytes]) -> None:
    frames = Frames()

    assert list(frames.feed(objects[0][:-1])) == []
    assert list(frames.feed(objects[0][-1:])) == objects[:1]


@pytest.mark.parametrize("seed", range(51))
def test_any_objects_are_found_however_the_stream_is_cut(seed: int) -> None:
    rng = random.Random(seed)
    objects = [_written(rng) for _ in range(20)]
    stream = b"".join(part for each in objects for part in (each, b" " * rng.randrange(3)))
    places = [rng.randrange(len(stream)) for _ in range(rng.randrange(60))]

    assert _read(_cut(stream, *places)) == (objects, "")
    assert [parse(each) for each in objects] == [json.loads(each) for each in objects]


@pytest.mark.parametrize("seed", range(51))
def test_how_a_damaged_stream_is_cut_does_not_matter(seed: int) -> None:
    rng = random.Random(seed)
    stream = bytearray(b"".join(_written(rng) for _ in range(20)))
    for _ in range(3):
        stream[rng.randrange(len(stream))] = rng.choice(b'{}"\\ x\xff')
    places = [rng.randrange(len(stream)) for _ in range(60)]

    assert _read(_cut(bytes(stream), *places)) == _read([bytes(stream)])


@pytest.mark.parametrize("junk", NOT_OBJECTS)
def test_what_begins_no_object_is_malformed_after_what_came_before(junk: bytes) -> None:
    found, error = _read([b'{"a":1} ' + junk])

    assert found == [b'{"a":1}']
    assert error == "not a JSON object"


@pytest.mark.parametrize("junk", NOT_JSON)
def test_what_is_framed_but_no_json_is_malformed_when_parsed(junk: bytes) -> None:
    assert list(Frames(limit=1_000_000).feed(junk)) == [junk]
    with pytest.raises(Malformed):
        parse(junk)


@pytest.mark.parametrize("data", [b"", b" ", b"{", b'{"', b'{"a\\', b'{"a":"}', b'{"a":[1'])
def test_what_is_not_all_here_is_not_malformed(data: bytes) -> None:
    assert _read([data, b""]) == ([], "")


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "byte by byte"])
@pytest.mark.parametrize("extra", [0, 1], ids=["at the limit", "above the limit"])
def test_an_object_may_be_as_large_as_the_limit(extra: int, at_once: bool) -> None:
    large = b'{"a":"' + b"x" * (FRAME_LIMIT + extra - 8) + b'"}'
    pieces = [large] if at_once else _cut(large, *range(1, len(large)))

    expected = ([], f"an object above {FRAME_LIMIT} bytes") if extra else ([large], "")
    assert _read([b"{}", *pieces]) == ([b"{}", *expected[0]], expected[1])


@pytest.mark.parametrize("extra", [0, 1], ids=["at the limit", "above the limit"])
def test_an_unfinished_object_is_held_up_to_the_limit(extra: int) -> None:
    unfinished = b'{"a":"' + b"x" * (FRAME_LIMIT + extra - 6)

    assert bool(_read([unfinished])[1]) == bool(extra)


def test_objects_together_may_exceed_the_limit() -> None:
    stream = b'{"a":1}' * FRAME_LIMIT

    assert _read([stream]) == ([b'{"a":1}'] * FRAME_LIMIT, "")


def test_space_is_not_held() -> None:
    assert _read([b" " * FRAME_LIMIT, b" " * FRAME_LIMIT, b"{}"]) == ([b"{}"], "")


class CountingPattern:
    """A pattern that adds up how many bytes it is given to search."""

    def __init__(self, pattern: re.Pattern[bytes]) -> None:
        self.pattern = pattern
        self.searched = 0

    def finditer(self, data: bytearray, start: int) -> Iterator[re.Match[bytes]]:
        self.searched += len(data) - start
        return self.pattern.finditer(data, start)


@pytest.mark.parametrize(
    "unit",
    [b"x", rb"\n", b"{}", "é".encode(), rb"\\\""],
    ids=["plain", "escapes", "braces", "two bytes", "many escapes"],
)
def test_a_trickle_is_searched_once(unit: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    counting = CountingPattern(messaging_frames._TOKEN)
    monkeypatch.setattr(messaging_frames, "_TOKEN", counting)
    large = b'{"a":"' + unit * ((FRAME_LIMIT - 8) // len(unit)) + b'"}'

    assert _read(_cut(large, *range(1, len(large)))) == ([large], "")

    # An escape that is cut in two is looked at again.
    assert counting.searched <= 2 * len(large)
