"""What nobody caught in a greenlet of a node is recorded, and ends nothing."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest

from crowsg.health.stray_errors import StrayErrors
from tests.support.nodes import Bench, make_scenario, sleep_for_ever

ERRORS = [ValueError("bad"), SystemExit(1), KeyboardInterrupt(), BaseException("base")]


class Owner:
    """A node that owns the greenlets it spawns, and its record."""

    def __init__(self) -> None:
        self.owned: list[Any] = []
        self.recorded: list[BaseException] = []
        self.errors = StrayErrors(lambda greenlet: greenlet in self.owned, self.recorded.append)

    def raises(self, error: BaseException) -> None:
        """Let a greenlet of this node raise."""
        greenlet = gevent.Greenlet(throw, error)
        self.owned.append(greenlet)
        greenlet.start()
        gevent.idle()


def throw(error: BaseException) -> None:
    raise error


@pytest.fixture
def passed_on() -> Iterator[list[BaseException]]:
    """Returns what reaches the hub's own handler, which is replaced by a list."""
    hub = gevent.get_hub()
    reached: list[BaseException] = []
    before = hub.handle_error
    hub.handle_error = lambda context, kind, value, trace: reached.append(value)
    yield reached
    hub.handle_error = before


@pytest.fixture
def owner(passed_on: list[BaseException]) -> Iterator[Owner]:
    owner = Owner()
    owner.errors.start()
    yield owner
    owner.errors.stop()


Passed = list[BaseException]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_what_escapes_from_an_own_greenlet_is_recorded(
    owner: Owner, passed_on: Passed, error: BaseException
) -> None:
    owner.raises(error)

    assert (owner.recorded, passed_on) == ([error], [])


def test_what_escapes_from_another_greenlet_is_passed_on(owner: Owner, passed_on: Passed) -> None:
    error = ValueError()

    gevent.spawn(throw, error)
    gevent.idle()

    assert (owner.recorded, passed_on) == ([], [error])


def test_what_escapes_from_a_callback_of_the_hub_is_passed_on(
    owner: Owner, passed_on: Passed
) -> None:
    error = ValueError()

    gevent.get_hub().loop.run_callback(throw, error)
    gevent.idle()

    assert (owner.recorded, passed_on) == ([], [error])


def test_a_killed_greenlet_is_no_error(owner: Owner, passed_on: Passed) -> None:
    owner.raises(gevent.GreenletExit())

    assert (owner.recorded, passed_on) == ([], [])


def test_after_stop_nothing_is_recorded(owner: Owner, passed_on: Passed) -> None:
    owner.errors.stop()

    owner.raises(ValueError())

    assert (len(owner.recorded), len(passed_on)) == (0, 1)


def test_stop_puts_the_hub_s_own_handler_back(passed_on: Passed) -> None:
    before = gevent.get_hub().handle_error
    errors = Owner().errors

    errors.start()
    errors.stop()

    assert gevent.get_hub().handle_error is before


def test_a_second_start_and_a_second_stop_change_nothing(owner: Owner, passed_on: Passed) -> None:
    owner.errors.start()
    owner.raises(ValueError())
    owner.errors.stop()
    owner.errors.stop()
    owner.raises(ValueError())

    assert (len(owner.recorded), len(passed_on)) == (1, 1)


def test_a_stop_without_a_start_changes_nothing(passed_on: Passed) -> None:
    before = gevent.get_hub().handle_error

    Owner().errors.stop()

    assert gevent.get_hub().handle_error is before


@pytest.mark.parametrize(
    "order",
    sorted(set(itertools.permutations("aaabbb"))),
    ids="".join,
)
def test_two_nodes_record_their_own_in_any_order_of_starts_and_stops(
    passed_on: Passed, order: tuple[str, ...]
) -> None:
    owners = {"a": Owner(), "b": Owner()}
    running: set[str] = set()
    foreign = ValueError("foreign")

    for name in order:
        if name in running:
            owners[name].errors.stop()
        else:
            owners[name].errors.start()
        running ^= {name}
        expected = {other: len(owners[other].recorded) + (other in running) for other in owners}
        for each in owners.values():
            each.raises(ValueError("own"))
        gevent.spawn(throw, foreign)
        gevent.idle()

        assert {other: len(owners[other].recorded) for other in owners} == expected
    for each in owners.values():
        each.errors.stop()

    assert passed_on.count(foreign) == len(order)


@pytest.mark.parametrize("order", sorted(set(itertools.permutations("ab"))), ids="".join)
def test_two_nodes_leave_no_handler_behind_in_any_order_of_stops(
    passed_on: Passed, order: tuple[str, ...]
) -> None:
    before = gevent.get_hub().handle_error
    owners = {"a": Owner(), "b": Owner()}
    owners["a"].errors.start()
    owners["b"].errors.start()

    for name in order:
        owners[name].errors.stop()

    assert gevent.get_hub().handle_error is before


def spawn_a(function: Callable[[], object]) -> Callable[[int], None]:
    """Return a user's code that leaves a greenlet to itself."""

    def start(user_id: int) -> None:
        gevent.spawn(function)
        sleep_for_ever(user_id)

    return start


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        pytest.param(lambda: 1 // 0, "ZeroDivisionError", id="Exception"),
        pytest.param(lambda: throw(SystemExit(3)), "SystemExit", id="SystemExit"),
        pytest.param(lambda: throw(KeyboardInterrupt()), "KeyboardInterrupt", id="Ctrl-C"),
    ],
)
def test_a_greenlet_a_user_left_to_itself_harms_neither_user_nor_node(
    bench: Bench, capfd: pytest.CaptureFixture[str], function: Callable[[], object], kind: str
) -> None:
    bench.do(make_scenario(spawn_a(function)), 3)
    bench.clock.advance(1)

    (group,) = bench.node.recorder.failures.groups()
    assert (group.kind, group.count) == (kind, 3)
    assert (bench.count("running"), bench.state()) == (3, "running")
    assert "Traceback" not in capfd.readouterr().err


def test_each_of_two_nodes_records_what_escapes_from_its_own_greenlets() -> None:
    a, b = Bench(), Bench()

    with a.node, b.node:
        a.node.spawn(throw, ValueError())
        b.node.spawn(lambda: gevent.spawn(throw, KeyError()))
        gevent.idle()

    assert [group.kind for group in a.node.recorder.failures.groups()] == ["ValueError"]
    assert [group.kind for group in b.node.recorder.failures.groups()] == ["KeyError"]
