"""What is said once a run has started, and not where it could not be."""

from collections.abc import Callable

from crowsg.record.sample import Sample
from crowsg.summary import Summary


class Announcement:
    """Says one thing with the first sample.

    Args:
        say: Takes the text.
        text: What is said.
    """

    def __init__(self, say: Callable[[str], object], text: str) -> None:
        self._say = say
        self._text = text

    def see(self, _: Sample) -> None:
        """Say it, once."""
        if self._text:
            self._say(self._text)
        self._text = ""

    def end(self, _: Summary | None) -> None:
        """Say nothing more."""
