"""What a node asks of whoever owns the throttles of a run, on the same node or on another one."""

from dataclasses import dataclass
from typing import Literal, Protocol

from crowsg.errors import InvalidThrottle
from crowsg.rate import Ramp, Rate
from crowsg.text import line_of, shown
from crowsg.throttle.process import Declared, RampProgress

Outcome = Literal["started", "already_started"]


@dataclass(frozen=True, slots=True)
class ThrottleState:
    """A throttle as its owner has it.

    Attributes:
        rate: The rate as it was set last.
        is_paused: Whether nothing is granted, whatever the rate.
        progress: How far a ramp has come; None while none is running.
        lost_ns: Time by which the schedule of permits handed out one at a time fell behind.
        declared: What it was started with.
        life: Which start of a throttle this was; later ones count higher.
    """

    rate: Rate
    is_paused: bool
    progress: RampProgress | None
    lost_ns: int
    declared: Declared
    life: int


class Owner(Protocol):
    """Who owns the throttles of a run. A remote one is called, so that everything may block.

    Raises, besides what is said below: ``NoSuchThrottle`` where none of that name runs; where the
    owner is remote, what its calls raise.
    """

    def start(
        self, name: str, declared: Declared, *, is_late: bool = False
    ) -> tuple[Outcome, ThrottleState]:
        """Start a throttle, or find it running.

        Args:
            name: Name of the throttle.
            declared: What it is to be.
            is_late: Whether the node joined later: what the run declared then stands.

        Raises:
            WrongReconfiguration: It was declared otherwise.
        """

    def change_rate(self, name: str, rate: Rate) -> None:
        """Set the rate.

        Raises:
            CannotChangeRate: A ramp is running.

        Blocks: until it is in force on every node.
        """

    def ramp(self, name: str, ramp: Ramp) -> None:
        """Begin a ramp.

        Raises:
            CannotChangeRate: Another ramp is running.
        """

    def pause(self, name: str) -> None:
        """Grant nothing until ``resume``.

        Blocks: until that is in force on every node.
        """

    def resume(self, name: str) -> None:
        """Go on at the rate that was set last."""

    def stop(self, name: str) -> None:
        """End a throttle."""

    def state(self, name: str) -> ThrottleState:
        """Return a throttle as it stands."""

    def states(self) -> dict[str, ThrottleState]:
        """Return all throttles as they stand, by name."""


def checked_name(name: object) -> str:
    """Return ``name`` where a throttle can be called that.

    Raises:
        InvalidThrottle: It cannot.
    """
    if not isinstance(name, str) or not name or name != line_of(name):
        raise InvalidThrottle(f"a throttle is named by a short line of text, not {shown(name, 60)}")
    return name
