"""The workers of a run, as its master knows them by their beats. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

ENDED = ("finished", "error", "idle")


@dataclass(slots=True)
class Hand:
    """One worker.

    Attributes:
        name: Which node.
        incarnation: Which life of it.
        asked: Users it was given so far.
        state: State of its controller.
        beat_asked, waiting, running: Its users, by its last beat.
        removable: Those of them that nobody has asked to stop.
        beats: How many beats it has given.
        unkillable: Whether users there survived their last kill.
    """

    name: str
    incarnation: int
    asked: int = 0
    state: str = "running"
    beat_asked: int = 0
    waiting: int = 0
    running: int = 0
    removable: int = 0
    beats: int = 0
    unkillable: bool = False

    def hear(self, beat: Mapping[str, Any]) -> None:
        """Take a beat.

        Raises:
            ValueError, TypeError, KeyError: It is none; nothing is taken of it.
        """
        asked, waiting, running, removable = (_count(each) for each in beat["users"])
        state, unkillable = str(beat["state"]), bool(beat["unkillable"])
        self.beat_asked, self.waiting, self.running = asked, waiting, running
        self.removable = removable
        self.beats += 1
        self.state, self.unkillable = state, unkillable

    @property
    def present(self) -> int:
        """Users that wait or run there."""
        return self.waiting + self.running

    @property
    def missing(self) -> int:
        """Users gone with it that were to go on, those included that its last beat knows not of."""
        return self.removable + max(0, self.asked - self.beat_asked)

    @property
    def is_done(self) -> bool:
        """Whether all users it was given have ended."""
        # A beat that was on its way when users were added does not know of them.
        return self.beat_asked >= self.asked and not self.present

    @property
    def has_ended(self) -> bool:
        """Whether its part of the run is over."""
        return self.state in ENDED


class Crew:
    """The workers of one run, by name."""

    def __init__(self) -> None:
        self._hands: dict[str, Hand] = {}
        self._left_unkillable = False

    def clear(self) -> None:
        """Forget everybody."""
        self._hands.clear()
        self._left_unkillable = False

    def take_in(self, name: str, incarnation: int) -> None:
        """Let a node be a worker."""
        self._hands[name] = Hand(name, incarnation)

    def let_go(self, name: str) -> bool:
        """Forget a worker; tells whether it was one."""
        hand = self._hands.pop(name, None)
        # They do not become killable by their node's going.
        self._left_unkillable |= hand is not None and hand.unkillable
        return hand is not None

    def hand(self, name: str) -> Hand | None:
        """Return a worker, None for a node that is none."""
        return self._hands.get(name)

    def hands(self) -> dict[str, Hand]:
        """Return all, by name."""
        return dict(self._hands)

    def incarnations(self, names: Iterable[str]) -> dict[str, int]:
        """Return the lives of those of ``names`` that are workers."""
        return {name: self._hands[name].incarnation for name in names if name in self._hands}

    def names(self) -> tuple[str, ...]:
        """Return the names of all, sorted."""
        return tuple(sorted(self._hands))

    def at_work(self) -> tuple[str, ...]:
        """Return those whose part of the run is not over."""
        return tuple(name for name in self.names() if not self._hands[name].has_ended)

    def strangers(self, names: Iterable[str]) -> list[str]:
        """Return those of ``names`` that are no workers."""
        return [name for name in names if name not in self._hands]

    def states(self) -> dict[str, str]:
        """Return the state of each worker's controller."""
        return {name: self._hands[name].state for name in self.names()}

    @property
    def is_done(self) -> bool:
        """Whether all users that were given to anybody have ended."""
        return all(hand.is_done for hand in self._hands.values())

    @property
    def has_ended(self) -> bool:
        """Whether the run is over on every worker."""
        return all(hand.has_ended for hand in self._hands.values())

    @property
    def has_unkillable(self) -> bool:
        """Whether users somewhere survived their last kill."""
        return self._left_unkillable or any(each.unkillable for each in self._hands.values())


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r:.60} is no number of users")
    return value
