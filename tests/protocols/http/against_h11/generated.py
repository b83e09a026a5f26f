"""Responses as servers send them, or would if they could."""

import random

INTERIM = b"HTTP/1.1 103 Hints\r\nLink: a\r\n\r\n"
LINE_END = b"\r\n"
BLANKS = [b"", b" ", b" ", b"\t", b"  \t "]

NAMES = [b"X", b"!#$%&'*+-.^_`|~0", b"Set-Cookie", b"Upgrade", b"Connection", b"Connection"]
VALUES = [b"close", b"Close , x", b"keep-alive", b"closed", b"a b\tc", b"\xe9", b"", b'"\\";,=:']
ODD_LINES = [
    b"X : a",
    b"X: a\r\n b",
    b"X: a\nY: b",
    b"X: \x01",
    b"X: \0",
    b"X",
    b" X: a",
    b"X Y: a",
]
STATUSES = [b"200"] * 20 + [b"204", b"304", b"404", b"999", b"20", b"101", b"099"]
VERSIONS = [b"1.1"] * 24 + [b"1.0", b"1.0", b"2.0", b"1.2"]
REASONS = [b" OK", b" OK", b" ", b"", b" \xe9\t ok ", b" a\x01b"]
BEHIND = [b""] * 9 + [b"x", LINE_END, INTERIM]

CODINGS = [b"chunked", b"chunked", b"chunked", b"Chunked ", b"chunked\t"]
EXTENSIONS = [b""] * 9 + [b";a=b", b';a="b;c"', b";a", b"; a = b", b" ", b";a\x01", b";"]
TRAILERS = [b""] * 5 + [b"X: y\r\n", b"X:y\r\nY: z\r\n", b"X: y\n", b"Content-Length: 3\r\n"]


def make_response(rng: random.Random) -> bytes:
    before = rng.choice([b""] * 9 + [LINE_END]) + rng.choice([b"", b"", b"", INTERIM, INTERIM * 2])
    start = b"HTTP/" + rng.choice(VERSIONS) + b" " + rng.choice(STATUSES) + rng.choice(REASONS)
    framing, body = _body(rng)
    lines = [_header(rng) for _ in range(rng.randrange(5))] + framing
    rng.shuffle(lines)
    return before + LINE_END.join([start, *lines, b"", body]) + rng.choice(BEHIND)


def _header(rng: random.Random) -> bytes:
    if not rng.randrange(30):
        return rng.choice(ODD_LINES)
    value = rng.choice(BLANKS) + rng.choice(VALUES) + rng.choice(BLANKS)
    return rng.choice(NAMES) + b":" + value


def _body(rng: random.Random) -> tuple[list[bytes], bytes]:
    """Return the headers that tell where a body ends, and the body."""
    size = rng.choice([0, 1, 9, 300])
    body = b"".join(rng.choices([b"a", b"0", b":", b"\xff", LINE_END], k=size))
    length = b"Content-Length:%s%d" % (rng.choice([b"", b" ", b"\t 00"]), len(body))
    coding = b"Transfer-Encoding: " + rng.choice(CODINGS)
    chunked = _chunks(rng, body)
    sound = [([length], body), ([coding], chunked), ([], body)]
    odd = [
        ([length], body[:-1]),
        ([length, length], body),
        ([length + b", %d" % len(body)], body),
        ([length, b"Content-Length: 7"], body),
        ([length, coding], chunked),
        ([coding, coding], chunked),
        ([coding], body),
        ([b"Transfer-Encoding: gzip"], body),
        ([b"Transfer-Encoding: gzip, chunked"], chunked),
        ([b"Transfer-Encoding: chunked, gzip"], chunked),
    ]
    return rng.choice(sound * 8 + odd)


def _chunks(rng: random.Random, body: bytes) -> bytes:
    size = rng.choice([b"%x", b"%X", b"0%x"])
    step = rng.choice([1, 7, 100])
    lines = []
    for start in range(0, len(body), step):
        chunk = body[start : start + step]
        lines += [size % len(chunk) + rng.choice(EXTENSIONS), chunk]
        if rng.randrange(9):
            # Else all but every response would have something odd.
            lines[-2] = size % len(chunk)
    return LINE_END.join([*lines, b"0" + rng.choice(EXTENSIONS), rng.choice(TRAILERS) + LINE_END])
