"""The operations of a run as a table that grows second by second."""

from collections import deque
from itertools import islice

from crowsg.metrics.figures import Interval, Latency
from crowsg.record.sample import Sample
from crowsg.report.layout import Section
from crowsg.report.line import Line, cells_of, fit, squeezed
from crowsg.report.spelling import duration, number, sparkline

TREND = 120
"""Seconds of trend that are kept of each operation."""

_GAP = 2
_LEAST_NAME, _MOST_NAME = 10, 40
_FAIR_NAME = 18
"""Cells a name gets, if it needs them, before all columns are shown."""

_LEAST_TREND = len("p95, last 14 s")
_COLUMNS = {"per s": 10, "failed": 9, "p50": 9, "p95": 9, "p99": 9}
_LATENCIES = frozenset({"p50", "p95", "p99"})
_GIVEN_UP = ("p99", "p50", "failed", "p95", "per s")
"""Columns in the order in which a narrow terminal goes without them."""


class Operations:
    """Remembers what operations did.

    Args:
        has_trends: Whether there is to be a trend of each.
    """

    def __init__(self, *, has_trends: bool) -> None:
        self._has_trends = has_trends
        self._longest = 0
        self._rows: dict[str, _Row] = {}

    def see(self, sample: Sample) -> None:
        """Take a sample."""
        for name in sample.operations:
            if name not in self._rows:
                self._rows[name] = _Row()
                self._longest = max(self._longest, cells_of(name))
        for name, row in self._rows.items():
            row.see(sample.operations.get(name), sample.seconds)

    def section(self, width: int) -> Section:
        """Return the table, for a terminal of some width."""
        columns = _Columns(width, self._longest, self._has_trends)
        rows = list(self._rows.items())

        def rest(shown: int) -> Line:
            failed = sum(row.failed for _, row in rows[shown:])
            line = Line(f"... and {len(rows) - shown} more")
            return line.add(f", {number(failed)} failed", "red") if failed else line

        return Section(
            len(rows), lambda index: columns.row(*rows[index]), rest, columns.head(), weight=3
        )


class _Row:
    """One operation: its last second with samples, and what went before."""

    def __init__(self) -> None:
        self.failed = 0
        self.rate = 0.0
        self.service: Latency | None = None
        self.is_quiet = False
        self.trend: deque[float | None] = deque(maxlen=TREND)

    def see(self, interval: Interval | None, seconds: float) -> None:
        service = None if interval is None else interval.service
        ended = 0 if interval is None else interval.ok + interval.failed
        self.failed += 0 if interval is None else interval.failed
        self.rate = ended / seconds if seconds else 0.0
        self.is_quiet = service is None
        self.service = service or self.service
        self.trend.append(None if service is None else service.p95)

    def texts(self) -> dict[str, str]:
        spelled = {"per s": f"{self.rate:.1f}", "failed": number(self.failed)}
        if self.service is not None:
            for column in ("p50", "p95", "p99"):
                spelled[column] = duration(getattr(self.service, column))
        return spelled


class _Columns:
    """Where the cells of an operation stand on a terminal of some width."""

    def __init__(self, width: int, longest: int, has_trends: bool) -> None:
        self._numbers = dict(_COLUMNS)
        wanted = min(_MOST_NAME, max(_LEAST_NAME, longest + _GAP))
        for column in _GIVEN_UP:
            if min(wanted, _FAIR_NAME) + sum(self._numbers.values()) <= width:
                break
            del self._numbers[column]
        left = width - sum(self._numbers.values())
        room = left - _GAP - _LEAST_TREND
        has_room = has_trends and room >= _LEAST_NAME
        self._name = min(wanted, room if has_room else left)
        self._trend = min(TREND, left - self._name - _GAP) if has_room else 0

    def head(self) -> Line:
        names = "".join([f"{name:>{cells}}" for name, cells in self._numbers.items()])
        line = Line(fit("operation", self._name) + names, "bold")
        caption = f"p95, last {self._trend} s"
        return line.add(" " * _GAP + caption, "bold") if self._trend else line

    def row(self, name: str, row: _Row) -> Line:
        line, texts = Line(fit(squeezed(name, self._name - 1), self._name)), row.texts()
        for column, cells in self._numbers.items():
            is_old = row.is_quiet and column in _LATENCIES
            is_bad = column == "failed" and row.failed
            style = "red" if is_bad else "dim" if is_old else ""
            line.add(f"{texts.get(column, ''):>{cells}}", style)
        if self._trend:
            kept = islice(row.trend, max(0, len(row.trend) - self._trend), None)
            line.add(" " * _GAP + sparkline(kept), "cyan")
        return line
