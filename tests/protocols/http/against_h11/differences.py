"""How our client differs from h11, and why.

A difference is known by rewriting: with what it is about put right, both make the same of the
response. So it can hide no other.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations

LINE_END = b"\r\n"


@dataclass(frozen=True)
class Difference:
    """Why we differ, and what to rewrite so that we no longer do."""

    reason: str
    pattern: bytes
    by: bytes | Callable[[re.Match[bytes]], bytes]

    def put_right(self, data: bytes) -> bytes:
        return re.sub(self.pattern, self.by, data)


def _without_blanks(match: re.Match[bytes]) -> bytes:
    return re.sub(rb"[ \t]+", b"", match[0])


def _without_controls(match: re.Match[bytes]) -> bytes:
    return re.sub(rb"[\x00-\x1f\x7f]", b"?", match[0])


def _without_lengths(match: re.Match[bytes]) -> bytes:
    return re.sub(rb"(?i)content-length:[^\r\n]*\r\n", b"", match[0])


def _without_codings(match: re.Match[bytes]) -> bytes:
    return re.sub(rb"(?i)transfer-encoding:", b"X-Coding:", match[0])


def _in_small_letters(match: re.Match[bytes]) -> bytes:
    return match[0].lower()


# We refuse, as llhttp does where it is strict, what others may read in another way.
STRICTER = {
    "bare-lf": Difference("h11 takes LF for the end of a line", rb"(?<!\r)(?<!\r\n)\n", LINE_END),
    "empty-line-lf": Difference("h11 takes LF for an empty line", rb"(?<=\r\n)\n", LINE_END),
    "folded": Difference("h11 joins folded lines", rb"\r\n[ \t]+", b" "),
    "control": Difference(
        "h11 takes controls in values, for a cookie of old", rb"[\x01-\x08\x0e-\x1f\x7f]", b"?"
    ),
    "length-list": Difference(
        "h11 takes equal lengths for one",
        rb"(?i)(content-length:[ \t]*)(\d+)(?:[ \t]*,[ \t]*\2)+(?=[ \t]*\r\n)",
        rb"\1\2",
    ),
    "length-twice": Difference(
        "h11 takes equal lengths for one",
        rb"(?is)(content-length:[ \t]*(\d+)[ \t]*\r\n)(.*?)content-length:[ \t]*\2[ \t]*\r\n",
        rb"\1\3",
    ),
    "length-and-coding": Difference(
        "h11 lets the coding win, and does not look at a length in a trailer",
        rb"(?is)\A.*transfer-encoding.*\Z",
        _without_lengths,
    ),
    "chunk-blanks": Difference(
        "h11 takes blanks after the size of a chunk", rb"(?m)^([0-9A-Fa-f]+)[ \t]+(?=\r\n)", rb"\1"
    ),
    "extension-blanks": Difference(
        "llhttp takes none in an extension; RFC 9112 calls them bad, but would have them read",
        rb"(?m)^[0-9A-Fa-f]+;(?:[^\r\n]|\r(?!\n))*",
        _without_blanks,
    ),
    "extension": Difference(
        "h11 takes anything for an extension",
        rb"(?m)^([0-9A-Fa-f]+);(?:[^\r\n]|\r(?!\n))*(?=\r\n)",
        rb"\1",
    ),
    "version": Difference(
        "h11 takes every version, llhttp those there are",
        rb"HTTP/(?!0\.9|1\.0|1\.1|2\.0)\d\.\d",
        b"HTTP/1.1",
    ),
    "coding-tab": Difference(
        "llhttp does not see a coding before a tab; with no chunk that ends it, we call it closed",
        rb"(?i)(transfer-encoding:[^\r\n]*chunked)[ \t]+",
        rb"\1",
    ),
}

# We take what h11 refuses.
LAXER = {
    "empty-lines-before": Difference(
        "h11 takes them for a response without a status line",
        rb"(?:\A|(?<=\r\n\r\n))(?:\r\n)+(?=HTTP/)",
        b"",
    ),
    "reason": Difference(
        "llhttp does not look at the reason, which nobody reads",
        rb"HTTP/\d\.\d \d{3} [^\r\n]*",
        _without_controls,
    ),
    "coding": Difference(
        "h11 knows no coding but chunked; we take the body as it comes",
        rb"(?is)\A.*transfer-encoding:(?![ \t]*chunked[ \t]*\r\n).*\Z",
        _without_codings,
    ),
    "coding-twice": Difference(
        "h11 takes one coding at the most, llhttp goes by the last one",
        rb"(?is)transfer-encoding:[ \t]*chunked[ \t]*\r\n(?=.*?transfer-encoding:[ \t]*chunked)",
        b"",
    ),
}

# We both take it, or both refuse it, in another way.
OTHERWISE = {
    "version-2": Difference(
        "h11 would speak on with who says 2.0, llhttp would not", rb"HTTP/2\.0", b"HTTP/1.1"
    ),
    "kept-1.0": Difference("h11 never keeps a connection of HTTP/1.0", rb"HTTP/1\.0", b"HTTP/1.1"),
    "coding-letters": Difference(
        "h11 writes the coding in small letters",
        rb"(?i)transfer-encoding:[ \t]*chunked",
        _in_small_letters,
    ),
    "chunk-size": Difference(
        "llhttp refuses a size of more than 64 bits, h11 one of more than 20 digits",
        rb"(?m)^0*[1-9a-fA-F][0-9a-fA-F]{16,}",
        b"x",
    ),
    "empty-line-behind": Difference(
        "h11 takes it for the begin of another response, which we do for all else",
        rb"[\r\n]\Z",
        b"x",
    ),
    "sooner": Difference("h11 judges a line when all of its head is there", rb"\Z", LINE_END * 2),
}

DIFFERENCES = STRICTER | LAXER | OTHERWISE


def explanation(
    data: bytes, names: Iterable[str], is_alike: Callable[[bytes], bool]
) -> list[str] | None:
    """Return the fewest differences without which a response is read alike.

    Args:
        data: The response.
        names: The differences that may be.
        is_alike: Whether both make the same of it.

    Returns:
        Their names; none where it is read alike as it is, and None where nothing helps.
    """
    there, rewritten = [], data
    for name in names:
        before, rewritten = rewritten, DIFFERENCES[name].put_right(rewritten)
        there += [name] if rewritten != before else []
    for count in range(len(there) + 1):
        for some in combinations(there, count):
            if is_alike(_put_right(data, some)):
                return list(some)
    return None


def _put_right(data: bytes, names: Iterable[str]) -> bytes:
    for name in names:
        data = DIFFERENCES[name].put_right(data)
    return data
