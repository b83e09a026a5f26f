"""Histograms and operations as they travel: the counts of each octave of buckets as bytes.

An octave is what ``Histogram`` calls a power of two: 64 buckets. Only those that hold samples are
sent, each in lanes of 2, 4 or 8 bytes, as its largest count needs. So the next snapshot of the same
histogram is compared octave by octave, byte by byte.

The highest byte of a lane is always 0. Read as one long number, octaves can so be subtracted, and
255 of them added up, without one lane reaching into the next: all 64 counts in a single step.
"""

from collections.abc import Mapping
from struct import Struct
from typing import Any, NamedTuple

from crowsg.dist.checked import big, big_as_plain, garbled, items, line, named, whole
from crowsg.metrics.histogram import SUB_BUCKETS, Histogram, index_of
from crowsg.metrics.names import MAX_NAMES
from crowsg.metrics.operation import Operation

Plain = Any

MAX_SUMMANDS = 255
"""How many growths of an octave may be added up before they are unpacked."""

_MAX_OCTAVES = 1024


class Form(NamedTuple):
    """How an octave is packed.

    Attributes:
        limit: Counts lie below it.
        lanes: Packs and unpacks all counts.
        heads: The highest byte of every lane.
        guards: The highest bit of every lane.
    """

    limit: int
    lanes: Struct
    heads: int
    guards: int

    @classmethod
    def of(cls, width: int, code: str) -> "Form":
        """Return the form with so many bytes to a lane."""
        head, guard = (bytes(width - 1) + bytes([top]) for top in (255, 128))
        heads, guards = (int.from_bytes(each * SUB_BUCKETS, "little") for each in (head, guard))
        return cls(256 ** (width - 1), Struct(f"<{SUB_BUCKETS}{code}"), heads, guards)

    def counts(self, octave: int) -> tuple[int, ...]:
        """Return the counts of an octave that is one long number."""
        return self.lanes.unpack(octave.to_bytes(self.lanes.size, "little"))


_FORMS = (Form.of(2, "H"), Form.of(4, "I"), Form.of(8, "Q"))
FORM_OF = {form.lanes.size: form for form in _FORMS}


class Packed(NamedTuple):
    """A histogram that stays as it is.

    Attributes:
        sum_ns, max_ns: As in ``Histogram``.
        octaves: The packed counts of octaves that hold samples, by their number.
    """

    sum_ns: int
    max_ns: int
    octaves: Mapping[int, bytes]


class Growth(NamedTuple):
    """What a histogram has that it had not before.

    Attributes:
        sum_ns: By how much its sum has grown.
        max_ns: Its largest sample.
        octaves: The (number, bytes, added counts as one long number) of octaves that grew.
    """

    sum_ns: int
    max_ns: int
    octaves: list[tuple[int, int, int]]


EMPTY = Packed(0, 0, {})
_NO_GROWTH = Growth(0, 0, [])


def histogram_as_plain(histogram: Histogram) -> Plain:
    """Return a histogram as a list: its sum, its largest, then numbers and counts of octaves."""
    plain: list[Any] = []
    counts = histogram.counts
    for low in range(0, len(counts), SUB_BUCKETS):
        octave = counts[low : low + SUB_BUCKETS]
        top = max(octave)
        if top:
            form = next(form for form in _FORMS if top < form.limit)
            plain += (low // SUB_BUCKETS, form.lanes.pack(*octave))
    return [big_as_plain(histogram.sum_ns), big_as_plain(histogram.max_ns), *plain] if plain else []


def packed(plain: Plain, what: str) -> Packed:
    """Read what ``histogram_as_plain`` made.

    Raises:
        NotPackable: It is garbled.
    """
    if plain == []:
        return EMPTY
    sum_ns, max_ns, *rest = items(plain, what, 4)
    octaves: dict[int, bytes] = {}
    last = -1
    for octave, counts in zip(rest[::2], rest[1::2], strict=False):
        if type(octave) is not int or not last < octave < _MAX_OCTAVES:
            raise garbled(f"an octave of {what}", octave)
        if type(counts) is not bytes or len(counts) not in FORM_OF:
            raise garbled(f"an octave of {what}", counts)
        octaves[octave] = counts
        last = octave
    histogram = Packed(big(sum_ns, what), big(max_ns, what), octaves)
    if len(rest) % 2 or index_of(histogram.max_ns) != _highest(octaves[last], last):
        raise garbled(what, histogram.max_ns)
    return histogram


def growth(now: Packed, before: Packed, what: str) -> Growth:
    """Return what came between two states of one histogram.

    Raises:
        NotPackable: Something has gone: they are not two states of one histogram.
    """
    if now == before:
        return _NO_GROWTH
    grown = [
        (octave, len(counts), _added(counts, before.octaves.get(octave), what))
        for octave, counts in now.octaves.items()
        if counts != before.octaves.get(octave)
    ]
    sum_ns = now.sum_ns - before.sum_ns
    has_all = before.octaves.keys() <= now.octaves.keys()
    if not grown or not has_all or sum_ns < 0 or now.max_ns < before.max_ns:
        raise garbled(f"what has grown of {what}", sum_ns)
    return Growth(sum_ns, now.max_ns, grown)


class PackedOperation(NamedTuple):
    """An operation that stays as it is; see ``Operation``."""

    ok: Packed
    failed: Packed
    interrupted: Packed
    response: Packed
    late_ns: int
    dropped: int
    failures: Mapping[str, int]


class OperationGrowth(NamedTuple):
    """What an operation has that it had not before, kinds of failures aside."""

    ok: Growth
    failed: Growth
    interrupted: Growth
    response: Growth
    late_ns: int
    dropped: int


NO_SAMPLES = PackedOperation(EMPTY, EMPTY, EMPTY, EMPTY, 0, 0, {})


def operation_as_plain(operation: Operation, failures: Mapping[str, int]) -> Plain:
    """Return an operation, with these kinds of failures, as a list."""
    return [
        histogram_as_plain(operation.ok),
        histogram_as_plain(operation.failed),
        histogram_as_plain(operation.interrupted),
        histogram_as_plain(operation.response),
        big_as_plain(operation.late_ns),
        operation.dropped,
        dict(failures),
    ]


def packed_operation(plain: Plain, what: str) -> PackedOperation:
    """Read what ``operation_as_plain`` made.

    Raises:
        NotPackable: It is garbled.
    """
    ok, failed, interrupted, response, late_ns, dropped, failures = items(plain, what, 7, 7)
    return PackedOperation(
        packed(ok, what),
        packed(failed, what),
        packed(interrupted, what),
        packed(response, what),
        big(late_ns, what),
        whole(dropped, what),
        _failures(failures, what),
    )


def operation_growth(now: PackedOperation, before: PackedOperation, what: str) -> OperationGrowth:
    """Return what came between two states of one operation.

    Raises:
        NotPackable: Something has gone: they are not two states of one operation.
    """
    late_ns, dropped = now.late_ns - before.late_ns, now.dropped - before.dropped
    if late_ns < 0 or dropped < 0:
        raise garbled(f"what has grown of {what}", (late_ns, dropped))
    return OperationGrowth(
        growth(now.ok, before.ok, what),
        growth(now.failed, before.failed, what),
        growth(now.interrupted, before.interrupted, what),
        growth(now.response, before.response, what),
        late_ns,
        dropped,
    )


def _failures(plain: Plain, what: str) -> dict[str, int]:
    kinds = named(plain, what)
    if len(kinds) > MAX_NAMES + 1:
        raise garbled(f"the failures of {what}", len(kinds))
    return {line(kind, what): whole(count, what) for kind, count in kinds.items()}


def _added(counts: bytes, known: bytes | None, what: str) -> int:
    form = FORM_OF[len(counts)]
    now = int.from_bytes(counts, "little")
    before = 0 if known is None else _widened(known, form, what)
    # A lane that has shrunk borrows its guard.
    if now & form.heads or ((now | form.guards) - before) & form.guards != form.guards:
        raise garbled(f"what has grown of {what}", counts)
    return now - before


def _widened(counts: bytes, form: Form, what: str) -> int:
    if len(counts) > form.lanes.size:
        raise garbled(f"what has grown of {what}", counts)
    if len(counts) < form.lanes.size:
        counts = form.lanes.pack(*FORM_OF[len(counts)].lanes.unpack(counts))
    return int.from_bytes(counts, "little")


def _highest(counts: bytes, octave: int) -> int:
    """Return the index of the highest bucket with samples; -1 without any."""
    used = len(counts.rstrip(b"\0"))
    return octave * SUB_BUCKETS + (used - 1) // (len(counts) // SUB_BUCKETS) if used else -1
