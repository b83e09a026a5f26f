"""Anybody's values and exceptions as short, printable text; nothing here ever raises."""

MASK = "***"
"""Stands for a secret."""

MAX_LINE = 512


def shown(value: object, limit: int = 200) -> str:
    """Return ``repr(value)`` cut at ``limit`` characters, even where repr itself raises."""
    try:
        text = repr(value)
    except BaseException:  # noqa: BLE001 - repr may be anybody's
        text = f"<{type(value).__name__}>"
    return text if len(text) <= limit else text[:limit] + "..."


def line_of(value: object, limit: int = MAX_LINE) -> str:
    """Return ``str(value)`` on one printable line of at most ``limit`` characters.

    Control characters become spaces, so that no stranger's text moves a terminal's cursor.
    """
    try:
        text = str(value)
    except BaseException:  # noqa: BLE001 - str may be anybody's
        text = "<unprintable>"
    text = text[:limit].encode("utf-8", "replace").decode()
    return "".join(char if char.isprintable() else " " for char in text)
