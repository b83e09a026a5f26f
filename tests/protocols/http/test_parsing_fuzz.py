"""However a response is cut, it is the same; however it is damaged, it does no harm."""

import itertools
import random
from collections.abc import Iterator

import pytest

from crowsg.protocols.http.failure import CLOSED, PROTOCOL, Failure
from crowsg.protocols.http.parsing import Limits, ResponseParser
from tests.protocols.http.test_parsing import CHUNKED, LAST, OK, Parsed, finish, parse

LIMITS = Limits(head_bytes=2000, headers=50, body_bytes=10_000)


def make_response(rng: random.Random) -> bytes:
    """Return a valid response of any shape."""
    body = rng.randbytes(rng.choice([0, 1, 10, 1000]))
    interim = b"HTTP/1.1 100 Continue\r\n\r\n" * rng.choice([0, 0, 0, 2])
    headers = b"".join(b"X-%d: %d\r\n" % (i, rng.random() * 1e9) for i in range(rng.randrange(9)))
    match rng.randrange(4):
        case 0:
            return interim + OK + headers + b"Content-Length: %d\r\n\r\n" % len(body) + body
        case 1:
            return interim + OK + headers + b"Connection: close\r\n\r\n" + body
        case 2:
            return interim + b"HTTP/1.1 204 None\r\n" + headers + b"\r\n"
    return interim + CHUNKED + b"".join(chunks(rng, body)) + LAST


def chunks(rng: random.Random, body: bytes) -> Iterator[bytes]:
    for piece in cut(rng, body):
        yield b"%x%s\r\n%s\r\n" % (len(piece), rng.choice([b"", b";a=b"]), piece)


def cut(rng: random.Random, data: bytes) -> list[bytes]:
    """Cut into pieces, none of them empty."""
    where = sorted({0, len(data), *(rng.randrange(len(data) + 1) for _ in range(rng.randrange(9)))})
    return [data[start:end] for start, end in itertools.pairwise(where)]


def damaged(rng: random.Random, data: bytes) -> bytes:
    """Change, take out or put in a few bytes."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(changed)) if changed else 0
        match rng.randrange(4):
            case 0:
                changed[at : at + 1] = rng.randbytes(1)
            case 1:
                del changed[at : at + rng.randint(1, 5)]
            case 2:
                changed[at:at] = rng.choice([b"\r\n", b"\0", b":", b"0", b"chunked", b"HTTP/1.1"])
            case _:
                changed[at:at] = changed[at : at + 20]
    return bytes(changed)


def outcome(*pieces: bytes) -> Parsed | str:
    try:
        return parse(*pieces, limits=LIMITS)
    except Failure as failure:
        return failure.kind


@pytest.mark.parametrize("seed", range(200))
def test_a_response_in_pieces_is_the_same_as_in_one(seed: int) -> None:
    rng = random.Random(seed)
    data = make_response(rng)

    whole = parse(data, limits=LIMITS)

    assert parse(*cut(rng, data), limits=LIMITS) == whole
    assert parse(*(data[i : i + 1] for i in range(len(data))), limits=LIMITS) == whole


@pytest.mark.parametrize("seed", range(400))
def test_a_damaged_response_is_taken_or_refused(seed: int) -> None:
    rng = random.Random(seed)
    data = damaged(rng, make_response(rng))

    result = outcome(*cut(rng, data))

    assert isinstance(result, Parsed) or result in (CLOSED, PROTOCOL)


@pytest.mark.parametrize("seed", range(200))
def test_a_damaged_response_never_changes_the_one_that_follows(seed: int) -> None:
    rng = random.Random(seed)
    parser = ResponseParser(LIMITS)
    parser.begin(False, False)
    try:
        finish(parser, *cut(rng, damaged(rng, make_response(rng))))
    except Failure:
        return
    if not parser.reusable:
        return

    parser.begin(False, False)

    assert finish(parser, OK + b"Content-Length: 2\r\n\r\nhi").body == b"hi"
