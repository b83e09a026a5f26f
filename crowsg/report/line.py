"""Lines of a terminal: pieces of text, each with a style. Pure."""

from typing import Self

from rich.cells import cell_len, set_cell_size

MORE = "…"
_CODES = {
    "": "",
    "bold": "\x1b[1m",
    "dim": "\x1b[2m",
    "red": "\x1b[31m",
    "yellow": "\x1b[33m",
    "cyan": "\x1b[36m",
    "bold red": "\x1b[1;31m",
}
_COLOURLESS = {"bold": "\x1b[1m", "dim": "\x1b[2m", "bold red": "\x1b[1m"}
_LEAST_SQUEEZED = 5
_PLAIN = "\x1b[0m"


class Line:
    """One line.

    Args:
        text: Its first piece.
        style: ``bold``, ``dim``, a colour, or none.
    """

    __slots__ = ("_pieces",)

    def __init__(self, text: str = "", style: str = "") -> None:
        self._pieces = [(text, style)]

    def add(self, text: str, style: str = "") -> Self:
        """Append a piece."""
        self._pieces.append((text, style))
        return self

    @property
    def plain(self) -> str:
        """The text alone."""
        return "".join([text for text, _ in self._pieces])

    def cut_to(self, cells: int) -> Self:
        """Let the line be at most ``cells`` wide, and show where something is missing."""
        if cells_of(self.plain) <= cells:
            return self
        pieces, self._pieces, room = self._pieces, [], cells - len(MORE)
        for text, style in pieces:
            if cells_of(text) > room:
                self._pieces.append((_with_more(text, room), style))
                break
            self._pieces.append((text, style))
            room -= cells_of(text)
        return self

    def painted(self, *, has_colours: bool = True) -> str:
        """Return the line as a terminal takes it.

        Terminals differ in how wide they draw some characters, emoji for one; what comes behind
        them is put in its place explicitly.
        """
        codes = _CODES if has_colours else _COLOURLESS
        painted, column = [], 1
        for text, style in self._pieces:
            code = codes.get(style, "")
            painted.append(f"{code}{text}{_PLAIN}" if code else text)
            column += cells_of(text)
            if not text.isascii():
                painted.append(f"\x1b[{column}G")
        return "".join(painted)


def cut(text: str, cells: int) -> str:
    """Return ``text`` in at most ``cells``, and show that something is missing."""
    if cells_of(text) <= cells:
        return text
    return _with_more(text, cells - len(MORE))


def _with_more(text: str, cells: int) -> str:
    return set_cell_size(text, cells) + MORE if cells >= 0 else ""


def squeezed(text: str, cells: int) -> str:
    """Return ``text`` in at most ``cells``, its end whole where that can be: names differ there."""
    if len(text) <= cells or cells < _LEAST_SQUEEZED or not text.isascii():
        return cut(text, cells)
    end = (cells - len(MORE)) // 2
    return text[: cells - len(MORE) - end] + MORE + text[-end:]


def fit(text: str, cells: int) -> str:
    """Return ``text`` in exactly ``cells``."""
    kept = cut(text, cells)
    return kept + " " * (cells - cells_of(kept))


def cells_of(text: str) -> int:
    """Return how wide a terminal draws ``text``."""
    return len(text) if text.isascii() else cell_len(text)
