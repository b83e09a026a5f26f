"""A line a second while a run goes on."""

from typing import TextIO

from crowsg.controller.status import Status

_ALWAYS = frozenset({"running", "finished", "failed"})


class Progress:
    """Writes where the users stand; the outcomes nobody had are left out.

    Args:
        stream: Where the lines go.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream: TextIO | None = stream

    def __call__(self, elapsed_s: float, status: Status) -> None:
        """Write one line; when nobody can read it any more, no more of them."""
        if self._stream is None:
            return
        try:
            self._stream.write(line(elapsed_s, status) + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            self._stream = None


def line(elapsed_s: float, status: Status) -> str:
    """Return the line for this moment."""
    counts = status.users.as_dict()
    del counts["asked"]
    shown = [f"{number} {name}" for name, number in counts.items() if number or name in _ALWAYS]
    seconds = round(elapsed_s)
    return f"{seconds // 60:3d}:{seconds % 60:02d}  {', '.join(shown)}"
