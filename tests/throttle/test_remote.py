"""A worker asks the master's throttles by plain calls, and gets what the master says."""

from typing import Any

import gevent
import pytest

from crowsg.cluster.packing import pack, unpack
from crowsg.errors import CannotChangeRate, InvalidThrottle, NoSuchThrottle, WrongReconfiguration
from crowsg.rate import Ramp, Rate
from crowsg.telemetry.bus import Bus
from crowsg.testing import ManualClock
from crowsg.throttle.processes import Processes
from crowsg.throttle.remote import RemoteOwner, answers

UP = Ramp("10/s", "50/s", steps=4, step_interval=2)


class Pair:
    """An owner, and a remote one that calls it without a network."""

    def __init__(self) -> None:
        clock = ManualClock()
        self.processes = Processes(clock, Bus(clock), gevent.spawn)
        self.answers = answers(self.processes)
        self.owner = RemoteOwner(self.call)

    def call(self, method: str, body: Any) -> Any:
        return unpack(pack(self.answers[method]("w0", unpack(pack(body)))))


@pytest.fixture
def pair() -> Pair:
    return Pair()


def test_a_start_tells_what_came_of_it_and_how_the_throttle_stands(pair: Pair) -> None:
    first = pair.owner.start("a", Rate(10))
    second = pair.owner.start("a", Rate(10))

    state = pair.processes.state("a")
    assert (first, second) == (("started", state), ("already_started", state))


def test_another_declaration_is_an_error_unless_the_node_is_late(pair: Pair) -> None:
    pair.owner.start("a", Rate(10))

    with pytest.raises(WrongReconfiguration):
        pair.owner.start("a", Rate(20))
    assert pair.owner.start("a", Rate(20), is_late=True)[0] == "already_started"


def test_a_throttle_is_changed_from_afar(pair: Pair) -> None:
    pair.owner.start("a", Rate(10))

    pair.owner.change_rate("a", Rate.UNLIMITED)
    pair.owner.pause("a")
    paused = pair.processes.state("a")
    pair.owner.resume("a")

    assert (paused.rate, paused.is_paused) == (Rate.UNLIMITED, True)
    assert not pair.processes.state("a").is_paused


def test_a_ramp_is_begun_and_stopped_from_afar(pair: Pair) -> None:
    pair.owner.start("a", Rate(10))

    pair.owner.ramp("a", UP)
    progress = pair.processes.state("a").progress
    pair.owner.stop("a")

    assert progress is not None
    assert (progress.ramp, pair.processes.names()) == (UP, ())


def test_states_are_told_as_the_owner_has_them(pair: Pair) -> None:
    pair.owner.start("a", Rate(10))
    pair.owner.start("b", UP)

    assert pair.owner.states() == pair.processes.states()
    assert pair.owner.state("b") == pair.processes.state("b")


def test_what_the_owner_refuses_is_refused_afar(pair: Pair) -> None:
    pair.owner.start("b", UP)

    with pytest.raises(CannotChangeRate):
        pair.owner.change_rate("b", Rate(1))
    with pytest.raises(NoSuchThrottle):
        pair.owner.state("a")


# The sad group.

GOOD: dict[str, dict[str, Any]] = {
    "throttle_start": {"name": "b", "declared": ["rate", [1.0, 60.0]], "is_late": False},
    "throttle_change": {"name": "a", "rate": [1.0, 60.0]},
    "throttle_ramp": {"name": "a", "ramp": [[1.0, 60.0], [2.0, 60.0], 3, 1.0]},
    "throttle_pause": {"name": "a"},
    "throttle_resume": {"name": "a"},
    "throttle_stop": {"name": "a"},
    "throttle_state": {"name": "a"},
}


def test_these_are_all_methods(pair: Pair) -> None:
    assert set(pair.answers) == set(GOOD)


@pytest.mark.parametrize("method", GOOD)
def test_a_body_as_it_should_be_is_answered(pair: Pair, method: str) -> None:
    pair.owner.start("a", Rate(10))

    pair.answers[method]("w0", GOOD[method])


@pytest.mark.parametrize("method", GOOD)
@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda body: None, id="None"),
        pytest.param(lambda body: [], id="list"),
        pytest.param(lambda body: {}, id="empty"),
        pytest.param(lambda body: {**body, "more": 1}, id="more than there is"),
        pytest.param(lambda body: {**body, "name": "a\n"}, id="no name"),
        pytest.param(lambda body: {**body, "name": 7}, id="a number for a name"),
        pytest.param(lambda body: {**body, "name": ["a"]}, id="a list for a name"),
        pytest.param(lambda body: {"name": body["name"], "x": 1}, id="another field"),
    ],
)
def test_a_hostile_body_is_refused_and_changes_nothing(pair: Pair, method: str, spoil: Any) -> None:
    pair.owner.start("a", Rate(10))
    before = pair.processes.states()

    with pytest.raises(InvalidThrottle):
        pair.answers[method]("w0", spoil(GOOD[method]))

    assert pair.processes.states() == before


@pytest.mark.parametrize(
    ("method", "field"),
    [
        ("throttle_start", "declared"),
        ("throttle_start", "is_late"),
        ("throttle_change", "rate"),
        ("throttle_ramp", "ramp"),
    ],
)
@pytest.mark.parametrize("value", [None, 1, "10/s", [], {}, [1, 2, 3]], ids=repr)
def test_a_hostile_field_is_refused_and_changes_nothing(
    pair: Pair, method: str, field: str, value: Any
) -> None:
    pair.owner.start("a", Rate(10))
    before = pair.processes.states()

    with pytest.raises(InvalidThrottle):
        pair.answers[method]("w0", {**GOOD[method], field: value})

    assert pair.processes.states() == before


@pytest.mark.parametrize("answer", [None, [], {}, "started", [["a", {}]], [None, None]], ids=repr)
@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda owner: owner.start("a", Rate(1)), id="start"),
        pytest.param(lambda owner: owner.state("a"), id="state"),
    ],
)
def test_a_hostile_answer_is_refused(ask: Any, answer: Any) -> None:
    with pytest.raises(InvalidThrottle):
        ask(RemoteOwner(lambda method, body: answer))


def test_the_state_of_another_throttle_is_no_answer(pair: Pair) -> None:
    pair.owner.start("b", Rate(1))
    owner = RemoteOwner(lambda method, body: pair.call(method, {"name": "b"}))

    with pytest.raises(InvalidThrottle, match="the state of 'a'"):
        owner.state("a")


def test_an_unknown_outcome_is_no_answer(pair: Pair) -> None:
    _, state = pair.call("throttle_start", GOOD["throttle_start"])
    owner = RemoteOwner(lambda method, body: ["perhaps", state])

    with pytest.raises(InvalidThrottle, match="outcome"):
        owner.start("b", Rate(1))
