"""Nodes that are being made workers: they are listened to, and have throttles, already."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from crowsg.dist.crew import Crew
from crowsg.dist.dealing import Dealing


class Recruits:
    """Knows who is being made a worker of a run.

    Args:
        crew: Those that are workers.
        dealing: Lets nodes have throttles.
    """

    def __init__(self, crew: Crew, dealing: Dealing) -> None:
        self._crew = crew
        self._dealing = dealing
        self._lives: dict[str, int] = {}

    def names(self) -> tuple[str, ...]:
        """Return the names of all."""
        return tuple(self._lives)

    def life_of(self, name: str) -> int | None:
        """Return which life of a node is being made a worker; None for none."""
        return self._lives.get(name)

    @contextmanager
    def made(self, lives: Mapping[str, int]) -> Iterator[None]:
        """Count nodes among these meanwhile; who is no worker then loses its throttles again.

        Args:
            lives: The incarnation of each, by its name.
        """
        self._lives.update(lives)
        for name in lives:
            self._dealing.enrol(name)
        try:
            yield
        finally:
            for name in lives:
                del self._lives[name]
                if self._crew.hand(name) is None:
                    self._dealing.dismiss(name)
