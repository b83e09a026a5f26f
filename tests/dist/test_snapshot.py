"""What a node tells its master: all there is, as plain values, and nothing garbled is believed."""

import copy
import math
from collections.abc import Callable
from typing import Any

import gevent
import msgpack
import pytest

from crowsg.clock import SECOND
from crowsg.controller.status import Status
from crowsg.dist.ended import MAX_LIVES
from crowsg.dist.snapshot import read
from crowsg.errors import NotPackable
from crowsg.health.lag import TICK_S
from crowsg.metrics.histogram import Histogram
from crowsg.metrics.lives import Life
from crowsg.metrics.names import MAX_NAMES, OTHER, Named, key_of
from crowsg.metrics.operation import Operation
from crowsg.users.counts import UserCounts
from tests.dist.recorders import Recording, throttle
from tests.record.runs import BusyClock

MAX_MESSAGE = 8 << 20


@pytest.fixture
def node() -> Recording:
    return Recording()


def busy(node: Recording) -> Recording:
    """Let a node record something of every kind."""
    recorder = node.recorder
    recorder.declare("counter", "sent_total", "What was sent.", ["to"])
    recorder.operations["login"].record(5, "refused", 9)
    recorder.operations[key_of("get", {"path": "/", "code": 200})].record(5, "", None)
    recorder.count("sent_total", 2**70, {"to": "a"})
    recorder.gauge("queue", math.inf, {})
    recorder.check("sound", True)
    node.clock.advance(2)
    recorder.failures.record(ValueError("user 7"))
    recorder.lives.end(1, SECOND, 2 * SECOND, "killed")
    node.users = UserCounts(asked=1, killed=1)
    node.throttles = {"calls": throttle(7, 0.5)}
    waits = node.waits["calls"] = Histogram()
    waits.record(5)
    return node


def plain_of(node: Recording) -> Any:
    """Return a snapshot with something of everything as it arrives."""
    node.snapshots.begin(keeps_lives=True)
    return msgpack.unpackb(msgpack.packb(busy(node).take(0)))


def test_everything_arrives(node: Recording) -> None:
    snapshot = read(plain_of(node))

    get = ("get", (("code", "200"), ("path", "/")))
    assert snapshot.operations.keys() == {"login", get}
    assert snapshot.counters == {("sent_total", (("to", "a"),)): 2**70}
    assert (snapshot.gauges, snapshot.checks) == ({"queue": math.inf}, {"sound": (1, 0)})
    (failure,) = snapshot.failures.values()
    assert (failure.template, failure.count, failure.first_ns) == ("user *", 1, 2 * SECOND)
    assert (snapshot.state, snapshot.users) == ("running", node.users)
    assert (snapshot.throttles["calls"].requested, snapshot.throttles["calls"].lost_s) == (7, 0.5)
    assert (snapshot.waits["calls"].max_ns, snapshot.now_ns) == (5, 2 * SECOND)
    (declared,) = snapshot.declarations
    assert (declared.name, declared.labels) == ("sent_total", ("to",))
    assert (snapshot.ended.lives, snapshot.ended.has_more) == (
        [Life(1, SECOND, 2 * SECOND, "killed")],
        False,
    )
    assert (snapshot.reading.open_files, snapshot.health.open_files) == (7, 7)


def test_snapshots_are_numbered(node: Recording) -> None:
    assert [node.snapshot().number for _ in range(3)] == [1, 2, 3]


def test_a_snapshot_tells_which_part_in_a_run_it_is_of(node: Recording) -> None:
    lives = [node.snapshot().life]
    node.snapshots.begin()
    lives.append(node.snapshot().life)

    assert lives == [0, 1]


def test_a_snapshot_tells_all_since_the_beginning(node: Recording) -> None:
    for _ in range(2):
        node.recorder.count("sent", 1, {})
        counters = node.snapshot().counters

    assert counters == {"sent": 2}


@pytest.mark.parametrize(
    "value",
    [0, -5, 2.5, 2**63, -(2**70), 10**400, -(10**400), math.inf, -math.inf, True],
    ids=lambda value: str(value)[:12],
)
def test_a_number_arrives_whatever_its_size(node: Recording, value: Any) -> None:
    node.recorder.gauges["queue"].value = value

    told = node.snapshot().gauges["queue"]

    assert told == (value if abs(value) < 10**300 else math.copysign(math.inf, value > 0 or -1))


def test_what_is_no_number_arrives_too(node: Recording) -> None:
    node.recorder.gauge("queue", math.nan, {})

    assert math.isnan(node.snapshot().gauges["queue"])


def test_health_begins_with_the_run(node: Recording) -> None:
    node.clock.advance(5)
    node.snapshots.begin()

    snapshot = node.snapshot()

    assert (snapshot.health_began_ns, snapshot.health.loop_lag) == (5 * SECOND, None)


def test_a_second_in_which_the_node_was_the_limit_is_told() -> None:
    clock = BusyClock()
    node = Recording(clock)
    node.health.start()
    gevent.sleep(0)
    node.snapshots.begin()
    clock.advance(TICK_S)
    clock.spend(0.5)

    snapshot = node.snapshot()
    node.health.stop()

    assert snapshot.reading.saturated
    assert snapshot.health.saturated_s == pytest.approx(0.55)


def test_others_run_between_two_operations() -> None:
    clock = BusyClock(look_s=0.003)
    node = Recording(clock)
    turns: list[int] = []
    for number in range(5):
        node.recorder.operations[f"o{number}"].record(5, "", None)

    waiting = gevent.spawn(turns.append, 1)
    node.take()

    assert (turns, waiting.ready()) == ([1], True)


class Noting(Recording):
    """A node that notes when a snapshot begins and ends."""

    def __init__(self, clock: BusyClock) -> None:
        super().__init__(clock)
        self.noted: list[str] = []
        noted = self.noted

        class Operations(Named[Operation]):
            def items(self) -> Any:
                noted.append("begins")
                return super().items()

        self.recorder.operations = Operations("operations", Operation)

    def status(self) -> Status:
        """Return where it stands, which is asked for at the end."""
        self.noted.append("ends")
        return super().status()


def test_two_snapshots_at_once_come_one_after_the_other() -> None:
    clock = BusyClock(look_s=0.003)
    node = Noting(clock)
    for number in range(5):
        node.recorder.operations[f"o{number}"].record(5, "", None)

    gevent.joinall([gevent.spawn(node.take) for _ in range(3)])

    assert node.noted == ["begins", "ends"] * 3


def test_a_snapshot_of_very_much_fits_into_a_message(node: Recording) -> None:
    for number in range(MAX_NAMES + 1):
        operation = node.recorder.operations[f"operation {number}"]
        for kind in range(MAX_NAMES + 1):
            operation.record(1000 * 2**kind if kind < 25 else 5, f"{kind} " + "x" * 500, 10**9)
        for value_ns in range(10**5, 10**8, 10**5):
            operation.ok.record(value_ns)
    node.snapshots.begin(keeps_lives=True)
    for user_id in range(MAX_LIVES + 5):
        node.recorder.lives.end(user_id, 0, 1, "finished")

    message = msgpack.packb(node.take(0))

    assert len(message) < MAX_MESSAGE
    snapshot = read(msgpack.unpackb(message))
    failed = [sum(each.failures.values()) for each in snapshot.operations.values()]
    assert failed == [MAX_NAMES + 1] * len(failed)
    assert (len(snapshot.ended.lives), snapshot.ended.has_more) == (MAX_LIVES, True)


def test_kinds_beyond_what_fits_are_summed_up(
    node: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crowsg.dist.snapshot.MAX_KINDS", 30)
    for name in ("a", "b"):
        for kind in ("x", "y"):
            node.recorder.operations[name].record(5, kind, None)

    operations = node.snapshot().operations

    assert [operations[name].failures for name in "ab"] == [{OTHER: 2}] * 2


def test_a_node_that_is_not_asked_for_its_users_keeps_none(node: Recording) -> None:
    node.snapshots.begin()
    node.recorder.lives.end(1, 0, 1, "finished")

    assert node.snapshot(0).ended.lives == []


def test_users_are_told_until_those_behind_them_are_asked_for(node: Recording) -> None:
    node.snapshots.begin(keeps_lives=True)
    for user_id in range(3):
        node.recorder.lives.end(user_id, 0, 1, "finished")

    told = [
        [each.user_id for each in node.snapshot(asked).ended.lives if isinstance(each, Life)]
        for asked in (0, 0, 2, 1, None, 3)
    ]

    assert told == [[0, 1, 2], [0, 1, 2], [2], [2], [2], []]


def test_users_cannot_be_known_before_they_end(node: Recording) -> None:
    node.snapshots.begin(keeps_lives=True)
    node.recorder.lives.end(1, 0, 1, "finished")
    node.snapshot(1000)
    node.recorder.lives.end(2, 0, 1, "finished")

    ended = node.snapshot(1).ended

    assert (ended.first, ended.lives) == (1, [Life(2, 0, 1, "finished")])


def test_the_next_run_tells_of_its_own_users_with_numbers_of_their_own(node: Recording) -> None:
    node.snapshots.begin(keeps_lives=True)
    for user_id in range(3):
        node.recorder.lives.end(user_id, 0, 1, "finished")
    node.snapshot(1)

    node.snapshots.begin(keeps_lives=True)
    node.recorder.lives.end(9, 0, 1, "finished")

    ended = node.snapshot(3).ended
    assert (ended.first, ended.lives) == (3, [Life(9, 0, 1, "finished")])


Path = tuple[Any, ...]


def leaves(value: Any, path: Path = ()) -> list[Path]:
    """Return the path to each value of a snapshot, containers too."""
    found = [path] if path else []
    if isinstance(value, dict):
        pairs = list(value.items())
    else:
        pairs = list(enumerate(value)) if isinstance(value, list) else []
    for key, each in pairs:
        found += leaves(each, (*path, key))
    return found


PLAIN = plain_of(Recording())
MAY_BE_NONE = {("health", 1, 4), ("health", 1, 5)}
GARBAGE: dict[str, Callable[[Any], Any]] = {
    "None": lambda value: None,
    "object": lambda value: {"what": [value]},
    "nested": lambda value: [value],
    "control": lambda value: "a\x1b[2J\n",
    "nan": lambda value: math.nan,
    "huge": lambda value: 2**64,
    "bytes": lambda value: b"\xff" * 137,
}


def at(plain: Any, path: Path) -> Any:
    """Return what stands at a place."""
    for key in path:
        plain = plain[key]
    return plain


def put(plain: Any, path: Path, value: Any) -> None:
    """Put a value to a place."""
    at(plain, path[:-1])[path[-1]] = value


@pytest.mark.parametrize(
    ("path", "garbage"),
    [
        pytest.param(path, garbage, id=f"{'.'.join(map(str, path))}-{garbage}")
        for path in leaves(PLAIN)
        for garbage in GARBAGE
        if not (garbage == "None" and path in MAY_BE_NONE)
    ],
)
def test_a_garbled_field_is_refused(path: Path, garbage: str) -> None:
    plain = copy.deepcopy(PLAIN)
    put(plain, path, GARBAGE[garbage](at(plain, path)))

    with pytest.raises(NotPackable):
        read(plain)


@pytest.mark.parametrize("path", leaves(PLAIN), ids=lambda path: ".".join(map(str, path)))
def test_a_number_below_zero_is_no_count(path: Path) -> None:
    plain = copy.deepcopy(PLAIN)
    value = at(plain, path)
    may_be_negative = {("now_ns",), ("health", 0), ("failures", 0, 3), ("failures", 0, 4)}
    is_count = type(value) in (int, float) and path not in may_be_negative and path[0] != "gauges"
    put(plain, path, -1 if is_count else object)

    with pytest.raises(NotPackable):
        read(plain)


@pytest.mark.parametrize("name", PLAIN)
def test_a_missing_field_is_refused(name: str) -> None:
    with pytest.raises(NotPackable):
        read({key: value for key, value in PLAIN.items() if key != name})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param((), [], id="no-dictionary"),
        pytest.param(("more",), 1, id="unknown-field"),
        pytest.param(("number",), True, id="number-as-bool"),
        pytest.param(("state",), "asleep", id="unknown-state"),
        pytest.param(("state",), [], id="state-as-list"),
        pytest.param(("users", "more"), 1, id="unknown-outcome"),
        pytest.param(("operations",), [["a", []]] * 2, id="an-operation-twice"),
        pytest.param(("counters",), [["a", 1]] * 300, id="a-counter-too-often"),
        pytest.param(("counters",), [[str(n), 1] for n in range(300)], id="too-many-counters"),
        pytest.param(("counters", 0, 1), "0xzz", id="no-hexadecimal"),
        pytest.param(("counters", 0, 1), "9" * 1000, id="too-many-digits"),
        pytest.param(("counters", 0, 0), ["a", []], id="labels-that-are-none"),
        pytest.param(("failures", 0, 2), 0, id="failure-of-nobody"),
        pytest.param(("failures",), PLAIN["failures"] * 2, id="a-group-twice"),
        pytest.param(("health", 1, 1), [[2.0, 1.0]], id="span-backwards"),
        pytest.param(("health", 1, 1), [[0.0, 1.0]] * 1001, id="too-many-spans"),
        pytest.param(("health", 1, 4), [1.0] * 6, id="short-latency"),
        pytest.param(("health", 1, 9), [[0.0, 1.0]], id="stall-without-place"),
        pytest.param(("declarations", 0, 0), "histogram", id="unknown-kind"),
        pytest.param(("lives", 1), b"x", id="part-of-a-life"),
        pytest.param(("lives", 1), b"\xff" * 25, id="unknown-end"),
        pytest.param(("lives", 1), bytes(25 * 20_001), id="too-many-lives"),
        pytest.param(("lives", 1), b"\0" * 8 + b"\1" * 8 + bytes(9), id="life-backwards"),
    ],
)
def test_a_senseless_value_is_refused(path: Path, value: Any) -> None:
    plain = copy.deepcopy(PLAIN)
    if path:
        put(plain, path, value)

    with pytest.raises(NotPackable):
        read(plain if path else value)
