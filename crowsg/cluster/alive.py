"""The sign of life that nodes give one another twice a second, however blocked their loops are."""

from dataclasses import dataclass
from typing import Any, Literal

from crowsg.cluster.envelope import MAX_TEXT, is_short_line, malformed, number_of
from crowsg.cluster.link import Payload
from crowsg.text import line_of

Condition = Literal["up", "stalled", "fenced"]
"""How a node says it is: its loop runs, or is blocked, or it has stopped its users itself."""

_CONDITIONS: tuple[Condition, ...] = ("up", "stalled", "fenced")


@dataclass(frozen=True, slots=True)
class Alive:
    """One sign of life.

    Attributes:
        stamp_ns: The moment on the clock of the node that gives it.
        digest: Which nodes it knows to live.
        heard_ns: The last moment on the clock of the node that gets it which the other's loop has
            taken in; 0 for none.
        condition: How the node is.
        place: What blocks its loop; "" for nothing.
    """

    stamp_ns: int
    digest: str
    heard_ns: int
    condition: Condition
    place: str

    def packed(self) -> Payload:
        """Return it as it travels."""
        return {
            "now": self.stamp_ns,
            "digest": self.digest,
            "heard": self.heard_ns,
            "state": self.condition,
            "place": line_of(self.place, MAX_TEXT),
        }


def alive_of(body: Any) -> Alive:
    """Return what ``packed`` returned elsewhere.

    Raises:
        Refused: ``malformed``.
    """
    match body:
        case {"digest": digest, "state": state, "place": place}:
            if is_short_line(digest) and is_short_line(place) and state in _CONDITIONS:
                stamp_ns, heard_ns = number_of(body, "now"), number_of(body, "heard")
                return Alive(stamp_ns, digest, heard_ns, state, place)
    raise malformed("a sign of life", body)
