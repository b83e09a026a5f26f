"""The owner of the throttles on another node: how it is called, and how it answers."""

from collections.abc import Callable, Mapping
from typing import Any

from crowsg.rate import Ramp, Rate
from crowsg.throttle.owner import Outcome, ThrottleState, checked_name
from crowsg.throttle.process import Declared
from crowsg.throttle.processes import Processes
from crowsg.throttle.wire import (
    Plain,
    fields,
    flag,
    items,
    plain_declared,
    plain_ramp,
    plain_rate,
    plain_state,
    read_declared,
    read_ramp,
    read_rate,
    read_state,
    refusal,
)

Answer = Callable[[str, Plain], Plain]
"""Answers a call: the name of the node that calls, and the body; may block."""


class RemoteOwner:
    """The throttles of a run, on a worker.

    Args:
        call: Calls a method of the master with a body and returns its answer; what the master
            raised it raises again. May block, and its caller may be killed meanwhile.
    """

    def __init__(self, call: Callable[[str, dict[str, Plain]], Plain]) -> None:
        self._call = call

    def start(
        self, name: str, declared: Declared, *, is_late: bool = False
    ) -> tuple[Outcome, ThrottleState]:
        """Start a throttle, or find it running; see ``Owner``."""
        body = {"name": name, "declared": plain_declared(declared), "is_late": is_late}
        outcome, state = items(self._call("throttle_start", body), 2, "an answer to a start")
        if outcome not in ("started", "already_started"):
            raise refusal(outcome, "the outcome of a start")
        return outcome, read_state(state)

    def change_rate(self, name: str, rate: Rate) -> None:
        """Set the rate; see ``Owner``."""
        self._call("throttle_change", {"name": name, "rate": plain_rate(rate)})

    def ramp(self, name: str, ramp: Ramp) -> None:
        """Begin a ramp; see ``Owner``."""
        self._call("throttle_ramp", {"name": name, "ramp": plain_ramp(ramp)})

    def pause(self, name: str) -> None:
        """Grant nothing; see ``Owner``."""
        self._call("throttle_pause", {"name": name})

    def resume(self, name: str) -> None:
        """Go on; see ``Owner``."""
        self._call("throttle_resume", {"name": name})

    def stop(self, name: str) -> None:
        """End a throttle; see ``Owner``."""
        self._call("throttle_stop", {"name": name})

    def state(self, name: str) -> ThrottleState:
        """Return a throttle as it stands; see ``Owner``."""
        return self._states(name)[name]

    def states(self) -> dict[str, ThrottleState]:
        """Return all throttles as they stand; see ``Owner``."""
        return self._states(None)

    def _states(self, name: str | None) -> dict[str, ThrottleState]:
        answer = self._call("throttle_state", {"name": name})
        pairs = [items(each, 2, "a throttle") for each in items(answer, None, "throttles")]
        states = {checked_name(each): read_state(state) for each, state in pairs}
        if name is not None and states.keys() != {name}:
            raise refusal(answer, f"the state of {name!r}")
        return states


def answers(processes: Processes) -> Mapping[str, Answer]:
    """Return what the master answers to ``RemoteOwner``, by method.

    A body that is not as it should be raises ``InvalidThrottle`` and changes nothing.
    """
    return {f"throttle_{each}": answer for each, answer in _answers(processes).items()}


def _answers(processes: Processes) -> dict[str, Answer]:
    def start(_: str, body: Plain) -> Plain:
        name, declared, is_late = fields(body, ("name", "declared", "is_late"))
        outcome, state = processes.start(
            checked_name(name), read_declared(declared), is_late=flag(is_late)
        )
        return [outcome, plain_state(state)]

    def change(_: str, body: Plain) -> None:
        name, rate = fields(body, ("name", "rate"))
        processes.change_rate(checked_name(name), read_rate(rate))

    def ramp(_: str, body: Plain) -> None:
        name, steps = fields(body, ("name", "ramp"))
        processes.ramp(checked_name(name), read_ramp(steps))

    def state(_: str, body: Plain) -> Plain:
        (name,) = fields(body, ("name",))
        if name is not None:
            return [[name, plain_state(processes.state(checked_name(name)))]]
        return [[each, plain_state(known)] for each, known in processes.states().items()]

    return {
        "start": start,
        "change": change,
        "ramp": ramp,
        "pause": _by_name(processes.pause),
        "resume": _by_name(processes.resume),
        "stop": _by_name(processes.stop),
        "state": state,
    }


def _by_name(function: Callable[[str], Any]) -> Answer:
    def answer(_: str, body: Plain) -> None:
        (name,) = fields(body, ("name",))
        function(checked_name(name))

    return answer
