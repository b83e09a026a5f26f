"""How sections share the lines of a screen. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, cycle

from crowsg.report.line import MORE, Line

LABEL = 11
"""Cells in which the label of a line stands."""

Part = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Section:
    """Lines that belong together, of which a low screen shows only some.

    Attributes:
        count: How many rows there are.
        row: Lays out the row of an index.
        rest: Lays out the line that stands for the rows from an index on.
        head: Stands above them, if anything.
        weight: Lines it gets when the sections share out what there is.
    """

    count: int
    row: Callable[[int], Line]
    rest: Callable[[int], Line]
    head: Line | None = None
    weight: int = 1

    @property
    def wanted(self) -> int:
        """Lines it would fill, with one left blank above."""
        return self.count + (self.head is not None) + 1 if self.count else 0

    def lines(self, room: int) -> list[Line]:
        """Lay it out in ``room`` lines."""
        if not room or not self.count:
            return []
        above = [] if self.head is None else [self.head]
        above = [Line(), *above]
        # Looks must not cost rows: the last two, or the last one there is, go before.
        above = above[len(above) - max(0, min(len(above), room - min(self.count, 2))) :]
        room -= len(above)
        if self.count <= room:
            return [*above, *map(self.row, range(self.count))]
        return [*above, *map(self.row, range(room - 1)), self.rest(room - 1)]


def arranged(sections: Sequence[Section], room: int) -> list[Line]:
    """Lay out all sections in ``room`` lines."""
    shares = _shares(sections, max(0, room))
    return [
        line
        for section, share in zip(sections, shares, strict=True)
        for line in section.lines(share)
    ]


def _shares(sections: Sequence[Section], room: int) -> list[int]:
    """Give every section a line first, then more by its weight, until it has what it wants."""
    wanted = [section.wanted for section in sections]
    weights = [index for index, section in enumerate(sections) for _ in range(section.weight)]
    shares, left = [0] * len(sections), min(room, sum(wanted))
    for index in chain(range(len(sections)), cycle(weights)):
        if not left:
            break
        if shares[index] < wanted[index]:
            shares[index] += 1
            left -= 1
    return shares


def wrapped(label: str, parts: Sequence[Part], width: int, most: int = 2) -> list[Line]:
    """Lay out parts one after another, each whole, in ``most`` lines at the most.

    Where they do not fit, the last line is to be cut.
    """
    lines, used = [Line(f"{label:{LABEL}}", "bold")], LABEL
    for index, (text, style) in enumerate(parts):
        piece = text if index == len(parts) - 1 else f"{text},"
        if used > LABEL and used + 1 + len(piece) > width:
            if len(lines) == most:
                lines[-1].add(MORE)
                break
            lines.append(Line(" " * LABEL))
            used = LABEL
        elif used > LABEL:
            piece = f" {piece}"
        lines[-1].add(piece, style)
        used += len(piece)
    return lines
