"""What h11 makes of a response, our client makes of it too, or it is said why not."""

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import h11
import pytest

from crowsg.protocols.http.failure import CLOSED, PROTOCOL, Failure
from crowsg.protocols.http.parsing import Limits, ResponseParser
from crowsg.protocols.http.response import Headers
from tests.protocols.http import test_parsing
from tests.protocols.http.against_h11.differences import (
    DIFFERENCES,
    LAXER,
    OTHERWISE,
    STRICTER,
    explanation,
)
from tests.protocols.http.against_h11.examples import MORE, TO_GET, TO_HEAD
from tests.protocols.http.against_h11.generated import make_response
from tests.protocols.http.test_parsing import Parsed, finish
from tests.protocols.http.test_parsing_fuzz import damaged

LIMITS = Limits(head_bytes=16_384, headers=200, body_bytes=100_000)

Pieces = list[bytes]
Outcome = Parsed | str
Cut = Callable[[bytes], Pieces]


def ours(pieces: Pieces, is_head: bool) -> Outcome:
    parser = ResponseParser(LIMITS)
    parser.begin(is_head, is_stream=False)
    try:
        parsed = finish(parser, *pieces)
    except Failure as failure:
        return failure.kind
    shown = Headers(list(parsed.headers))
    headers = [
        (name.encode(), value.encode("latin-1")) for name in shown for value in shown.all(name)
    ]
    return replace(parsed, headers=tuple(headers))


def theirs(pieces: Pieces, is_head: bool) -> Outcome:
    connection = h11.Connection(h11.CLIENT)
    method = "HEAD" if is_head else "GET"
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    events: list[h11.Event] = []
    try:
        for piece in pieces:
            connection.receive_data(piece)
            take_events(connection, events)
    except h11.RemoteProtocolError:
        return PROTOCOL
    try:
        if not is_complete(events):
            connection.receive_data(b"")
            take_events(connection, events)
    except h11.RemoteProtocolError:
        return CLOSED
    return parsed_of(connection, events)


def take_events(connection: h11.Connection, events: list[h11.Event]) -> None:
    while not is_complete(events):
        event = connection.next_event()
        if not isinstance(event, h11.Event):
            return
        events.append(event)


def is_complete(events: list[h11.Event]) -> bool:
    return bool(events) and isinstance(events[-1], h11.EndOfMessage)


def parsed_of(connection: h11.Connection, events: list[h11.Event]) -> Parsed:
    response = next(event for event in events if isinstance(event, h11.Response))
    body = b"".join(bytes(event.data) for event in events if isinstance(event, h11.Data))
    is_kept = connection.their_state is h11.DONE and connection.trailing_data == (b"", False)
    return Parsed(response.status_code, body, is_kept, together(response.headers))


def together(headers: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[bytes, bytes], ...]:
    """Put those of a name together, as the order of names means nothing."""
    names = list(dict.fromkeys(name for name, _ in headers))
    return tuple(sorted(headers, key=lambda header: names.index(header[0])))


def in_one(data: bytes) -> Pieces:
    return [data] if data else []


def in_bytes(data: bytes) -> Pieces:
    return [data[i : i + 1] for i in range(len(data))]


CUTS = pytest.mark.parametrize("cut", [in_one, in_bytes])


def explained(data: bytes, is_head: bool, cut: Cut) -> list[str] | None:
    """Return the differences that explain the outcomes; None where they are not explained."""
    as_it_is = ours(cut(data), is_head), theirs(cut(data), is_head)

    def is_alike(rewritten: bytes) -> bool:
        ours_now, theirs_now = ours(cut(rewritten), is_head), theirs(cut(rewritten), is_head)
        # What was taken must not become alike by being broken.
        was_taken = any(isinstance(outcome, Parsed) for outcome in as_it_is)
        return ours_now == theirs_now and (not was_taken or isinstance(ours_now, Parsed))

    return [] if as_it_is[0] == as_it_is[1] else explanation(data, possible(*as_it_is), is_alike)


def possible(ours: Outcome, theirs: Outcome) -> Iterable[str]:
    """Return the differences that can lead to these outcomes."""
    if isinstance(ours, Parsed):
        return OTHERWISE if isinstance(theirs, Parsed) else LAXER | OTHERWISE
    return STRICTER | OTHERWISE if isinstance(theirs, Parsed) else DIFFERENCES


def rows_of(test: Any, group: str) -> Iterator[tuple[str, bytes]]:
    for row in test.pytestmark[0].args[1]:
        yield f"{group}/{row.id}", row.values[0]


GETS: dict[str, bytes] = dict(
    [
        *TO_GET.items(),
        *MORE.items(),
        *rows_of(test_parsing.test_a_valid_response_is_taken, "valid"),
        *rows_of(test_parsing.test_a_response_is_taken_that_others_may_refuse, "taken"),
        *rows_of(test_parsing.test_an_ambiguous_or_broken_response_is_refused, "refused"),
        *rows_of(test_parsing.test_a_response_that_breaks_off_is_closed, "closed"),
    ]
)
HEADS: dict[str, bytes] = dict(
    [*TO_HEAD.items(), *rows_of(test_parsing.test_a_response_to_head_has_no_body, "head")]
)
CASES = [pytest.param(name, data, False, id=name) for name, data in GETS.items()]
CASES += [pytest.param(name, data, True, id=name) for name, data in HEADS.items()]

EXPLAINED = {
    "lf-crlf-at-the-end": "bare-lf",
    "lf-everywhere": "bare-lf",
    "lf-here-and-there": "bare-lf",
    "folded-lines": "folded",
    "nul-in-reason": "reason",
    "control-in-cookie": "control",
    "chunk-extensions": "extension-blanks",
    "chunk-size-blanks": "chunk-blanks",
    "name-begins-blank": "folded",
    "lengths-0-0": "length-twice",
    "length-list-0-0": "length-list",
    "coding-cHuNkEd": "coding-letters",
    "coding-gzip": "coding",
    "coding-twice": "coding",
    "lf-for-the-empty-line": "empty-line-lf",
    "extension-with-control": "extension",
    "extension-empty": "extension",
    "coding-before-tab": "coding-tab",
    "coding-chunked-twice": "coding-twice",
    "coding-chunked-list": "coding",
    "coding-gzip-chunked": "coding",
    "valid/empty-lines-before": "empty-lines-before",
    "valid/Chunked": "coding-letters",
    "valid/1.0-kept": "kept-1.0",
    "taken/2.0": "version-2",
    "taken/te-gzip": "coding",
    "taken/te-not-last": "coding",
    "taken/te-xchunked": "coding",
    "taken/te-identity": "coding",
    "taken/empty-line-behind": "empty-line-behind",
    "refused/bare-lf-after-the-status": "bare-lf",
    "refused/bare-lf-after-a-header": "bare-lf",
    "refused/folded": "folded",
    "refused/folded-by-tab": "folded",
    "refused/length-list": "length-list",
    "refused/length-twice": "length-twice",
    "refused/chunked-and-length": "sooner",
    "refused/length-and-chunked": "length-and-coding",
    "refused/length-in-trailer": "length-and-coding",
    "refused/huge-chunk": "chunk-size",
    "refused/space-after-chunk-size": "chunk-blanks",
    "refused/control": "control",
    "refused/1.2": "version",
    "refused/garbage": "sooner",
}


@CUTS
@pytest.mark.parametrize(("name", "data", "is_head"), CASES)
def test_a_response_is_read_as_by_h11_or_differs_as_listed(
    name: str, data: bytes, is_head: bool, cut: Cut
) -> None:
    listed = [EXPLAINED[name]] if name in EXPLAINED else []

    assert explained(data, is_head, cut) == listed


def test_every_listed_response_is_there() -> None:
    assert EXPLAINED.keys() <= GETS.keys() | HEADS.keys()


def test_every_difference_is_shown_by_a_response() -> None:
    assert set(EXPLAINED.values()) == DIFFERENCES.keys()


def generated(seed: int) -> tuple[bytes, bool]:
    """Return a response, every other one of them damaged, and whether it answers a HEAD."""
    rng = random.Random(seed)
    data = make_response(rng)
    return damaged(rng, data) if seed % 2 else data, not rng.randrange(8)


@CUTS
@pytest.mark.parametrize("seed", range(300))
def test_a_generated_response_is_read_as_by_h11_or_differs_as_known(seed: int, cut: Cut) -> None:
    data, is_head = generated(seed)

    assert explained(data, is_head, cut) is not None, data


@CUTS
@pytest.mark.parametrize("seed", range(300))
def test_what_both_take_has_the_same_status_and_body(seed: int, cut: Cut) -> None:
    data, is_head = generated(seed)
    outcomes = ours(cut(data), is_head), theirs(cut(data), is_head)

    taken = {(got.status, got.body) for got in outcomes if isinstance(got, Parsed)}

    assert len(taken) <= 1, data
