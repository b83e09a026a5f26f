"""What a run looks like right now, as lines that fit a terminal.

Laid out by hand: a ``rich`` table of this size takes 7 to 26 ms to draw, in which no user runs;
these lines take one and a half.
"""

from collections.abc import Iterator

from crowsg.record.sample import Sample
from crowsg.report.layout import LABEL, Part, Section, arranged, wrapped
from crowsg.report.line import Line, cells_of, fit, squeezed
from crowsg.report.operations import Operations
from crowsg.report.spelling import duration, number, shortened, size, stopwatch, workers
from crowsg.text import line_of

_MOST_THROTTLE = 24
_GAP = "  "
_OUTCOMES = (
    *("waiting", "running", "finished", "failed"),
    *("stuck", "killed", "removed", "cancelled", "lost"),
)
_ALWAYS = frozenset({"waiting", "running", "finished", "failed"})
_BAD = frozenset({"failed", "stuck", "killed", "lost"})


class Dashboard:
    """Remembers the samples of a run and lays out the last.

    Args:
        title: The scenario as it was asked for.
        has_trends: Whether operations are shown with their trends; needs a terminal with bars.
    """

    def __init__(self, title: str, *, has_trends: bool = True) -> None:
        self._title = line_of(title)
        self._operations = Operations(has_trends=has_trends)
        self._saturated_s = 0.0
        self._last: Sample | None = None

    def see(self, sample: Sample) -> None:
        """Take a sample."""
        self._last = sample
        self._saturated_s += sample.seconds if sample.health.saturated else 0.0
        self._operations.see(sample)

    def lines(self, width: int, height: int) -> list[Line]:
        """Lay out the last sample in at most ``height`` lines of at most ``width`` cells."""
        sample = self._last
        if sample is None or width < 1:
            return []
        head = self._head(sample, width)
        users = wrapped("users", list(_users(sample)), width)
        generator = wrapped("generator", list(self._generator(sample)), width)
        room = height - 1 - len(users) - len(generator)
        if room < 0:
            lines = [head, users[0], generator[0], *users[1:], *generator[1:]][: max(0, height)]
        else:
            sections = (self._operations.section(width), _throttles(sample), _errors(sample, width))
            middle = arranged(sections, room)
            if middle and len(middle) < room:
                middle.append(Line())
            lines = [head, *users, *middle, *generator]
        return [line.cut_to(width) for line in lines]

    def _head(self, sample: Sample, width: int) -> Line:
        told = (workers(sample.workers), sample.status.state, stopwatch(sample.to_s))
        right = "".join([f"{_GAP}{each}" for each in told if each])
        return Line(fit(self._title, max(0, width - len(right))) + right, "bold")

    def _generator(self, sample: Sample) -> Iterator[Part]:
        health, limit_s = sample.health, f"{self._saturated_s:.0f} s"
        # First of all, as a narrow terminal cuts what comes last.
        if health.saturated:
            yield f"it is the limit, {limit_s} so far", "bold red"
        elif self._saturated_s:
            yield f"it was the limit for {limit_s}", "yellow"
        yield f"cpu {health.cpu:.0%}", ""
        yield f"lag {duration(health.lag_s)}", ""
        yield size(health.resident_bytes), ""
        yield f"{health.open_files} files", ""


def _users(sample: Sample) -> Iterator[Part]:
    counts = sample.status.users.as_dict()
    yield f"{counts['asked']} asked", ""
    for name in _OUTCOMES:
        if counts[name] or name in _ALWAYS:
            yield f"{counts[name]} {name}", "red" if counts[name] and name in _BAD else ""


def _throttles(sample: Sample) -> Section:
    infos = list(sample.throttles.items())
    name_width = min(_MOST_THROTTLE, max(map(cells_of, sample.throttles), default=0))

    def row(index: int) -> Line:
        name, info = infos[index]
        line = Line(f"{'throttle':{LABEL}}", "bold").add(
            fit(squeezed(name, name_width), name_width)
        )
        rate = "paused" if info.is_paused else str(info.rate)
        line.add(f"{_GAP}{rate}, {info.granted} granted, {info.waiting} waiting")
        return line.add(f", {duration(info.lost_s)} lost", "yellow") if info.lost_s else line

    return Section(
        len(infos), row, lambda shown: Line(f"... and {len(infos) - shown} more throttles")
    )


def _errors(sample: Sample, width: int) -> Section:
    groups = sample.errors

    def row(index: int) -> Line:
        group = groups[index]
        text = shortened(group.sample, max(0, width - LABEL))
        return Line(f"{number(group.count):>{LABEL - 2}}{_GAP}{text}", "red")

    def rest(shown: int) -> Line:
        failures = sum(group.count for group in groups[shown:])
        line = f"... and {len(groups) - shown} more kinds of failure, {number(failures)} times"
        return Line(line, "red")

    return Section(len(groups), row, rest)
