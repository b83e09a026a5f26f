"""A journal for tests of what is noted."""

from typing import Any

from crowsg.journal import Journal


class KeptNotes(Journal):
    """A journal that is only kept in mind."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, dict[str, Any]]] = []

    def note(self, kind: str, **fields: Any) -> None:
        self.kept.append((kind, fields))
