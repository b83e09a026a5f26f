"""Who changed what and when: taken from the events of the node, as plain values."""

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest

from crowsg import Rate, Variable
from crowsg.record.changes import HANDLER_ID, MAX_CHANGES, Changes
from crowsg.summary import Change
from crowsg.telemetry.bus import Bus
from crowsg.testing import ManualClock
from tests.record.runs import Execution
from tests.support.nodes import Bench, make_scenario

USERS = ("crowsg", "controller", "users")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def bus(clock: ManualClock) -> Bus:
    return Bus(clock)


@pytest.fixture
def changes(clock: ManualClock, bus: Bus) -> Iterator[Changes]:
    changes = Changes("a@host", clock.now)
    changes.attach(bus)
    yield changes
    changes.detach(bus)


def test_a_change_says_when_where_and_what(clock: ManualClock, bus: Bus, changes: Changes) -> None:
    clock.advance(2.5)

    bus.execute(USERS, {"count": 3}, {"type": "add", "scenario": "chat"})

    said = {"type": "add", "count": 3}
    assert changes.noted() == (Change(2.5, "a@host", "controller.users", said),)


@pytest.mark.parametrize(
    "event", [USERS, ("crowsg", "controller", "settings"), ("crowsg", "throttle", "rate")]
)
def test_every_way_to_change_a_run_is_noted(
    bus: Bus, changes: Changes, event: tuple[str, ...]
) -> None:
    bus.execute(event, {"count": 1})

    assert [change.event for change in changes.noted()] == [".".join(event[1:])]


@pytest.mark.parametrize("event", ["request", "execute", "init"])
def test_what_happens_without_anybody_changing_it_is_not_noted(
    bus: Bus, changes: Changes, event: str
) -> None:
    bus.execute(("crowsg", "throttle", event), {"count": 1})

    assert changes.noted() == ()


def test_nothing_is_noted_of_a_bus_it_was_detached_from(bus: Bus, changes: Changes) -> None:
    bus.execute(USERS, {"count": 1})
    changes.detach(bus)

    bus.execute(USERS, {"count": 2})

    assert [change.details["count"] for change in changes.noted()] == [1]


def test_the_changes_of_the_next_run_take_the_place_of_the_last(bus: Bus, changes: Changes) -> None:
    later = Changes("a@host", lambda: 0.0)

    later.attach(bus)
    bus.execute(USERS, {"count": 1})

    assert (len(changes.noted()), len(later.noted())) == (0, 1)


def test_detaching_twice_is_harmless(bus: Bus, changes: Changes) -> None:
    changes.detach(bus)

    changes.detach(bus)

    assert not bus.detach(HANDLER_ID)


def test_the_first_thousand_changes_are_kept(bus: Bus, changes: Changes) -> None:
    for n in range(MAX_CHANGES + 5):
        bus.execute(USERS, {"count": n})

    assert [change.details["count"] for change in changes.noted()] == list(range(MAX_CHANGES))


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        pytest.param(math.inf, "inf", id="infinity"),
        pytest.param(Rate(5, per=1), "5/s", id="rate"),
        pytest.param(("a", {"b"}), ["a", ["b"]], id="collections"),
        pytest.param(object, "<class 'object'>", id="anything"),
    ],
)
def test_details_are_plain_values(bus: Bus, changes: Changes, value: Any, plain: Any) -> None:
    bus.execute(USERS, {"count": value})

    (change,) = changes.noted()
    assert change.details == {"count": plain}
    json.dumps(change.as_dict(), allow_nan=False)


def test_what_no_event_tells_can_be_noted_too(clock: ManualClock, changes: Changes) -> None:
    clock.advance(1)

    changes.note("results.users", rows=5)

    assert changes.noted() == (Change(1.0, "a@host", "results.users", {"rows": 5}),)


def test_changes_of_a_run_stand_in_its_summary(bench: Bench) -> None:
    execution = Execution(bench, make_scenario(), users=2, duration_s=4)

    bench.clock.advance(1)
    bench.node.local.add(3)
    bench.clock.advance(1)
    bench.node.local.update_settings({"user_rate": "5/s"})
    bench.clock.advance(2)

    told = [
        (change["at_s"], change["event"], change.get("count"), change.get("rate"))
        for change in execution.summary().as_dict()["events"]
        if change["at_s"] > 0
    ]
    assert told == [
        (1.0, "controller.users", 3, None),
        (2.0, "controller.settings", 1, None),
        (2.0, "throttle.rate", None, 5.0),
    ]


def test_of_a_secret_that_is_changed_only_the_name_is_told(bench: Bench) -> None:
    secret = Variable("token", "a secret", default="S3CRET", update=True, secret=True)
    scenario = make_scenario(required_variables=[secret])
    execution = Execution(bench, scenario, duration_s=1)

    bench.node.local.update_settings({"token": "T0KEN"})
    bench.clock.advance(1)

    said = execution.summary().as_dict()
    assert "token" in [name for event in said["events"] for name in event.get("names", ())]
    assert "S3CRET" not in json.dumps(said)
    assert "T0KEN" not in json.dumps(said)


def test_what_is_changed_after_a_run_is_not_taken_for_its_own(bench: Bench) -> None:
    execution = Execution(bench, make_scenario(lambda user_id: None))
    noted = len(execution.summary().events)

    bench.do(make_scenario(), 5)

    assert len(bench.node.record.changes.noted()) == noted
