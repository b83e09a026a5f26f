"""Reports and leases travel in one message; what comes together goes together."""

from typing import Any

import pytest

from crowsg.cluster.packing import pack, unpack
from crowsg.errors import InvalidThrottle
from crowsg.rate import Ramp, Rate
from crowsg.testing.manual_clock import settle
from crowsg.throttle.beats import (
    Grant,
    Outbox,
    plain_ending,
    plain_grant,
    plain_report_on,
    read_grants,
    read_reports,
)
from crowsg.throttle.lease import Lease, Report, Terms
from crowsg.throttle.owner import ThrottleState
from crowsg.throttle.process import RampProgress

UP = Ramp("10/s", "20/s", steps=2, step_interval=1)
LEASE = Lease(Terms(Rate(10, per=1), 17), 4, 1, 300, 1)
STATE = ThrottleState(Rate(15, per=1), True, RampProgress(UP, 1), 0, UP, 4)


def test_leases_and_endings_arrive_as_they_were_sent() -> None:
    plain = [plain_grant("a", LEASE, STATE), plain_ending("b", 3)]

    assert read_grants(unpack(pack(plain))) == [
        ("a", 4, Grant(LEASE, STATE.rate, True, STATE.progress)),
        ("b", 3, None),
    ]


def test_reports_arrive_as_they_were_sent() -> None:
    plain = [plain_report_on("a", 4, Report(1)), plain_report_on("b", 3, Report(2, 3, 4))]

    assert read_reports(unpack(pack(plain))) == [("a", 4, Report(1)), ("b", 3, Report(2, 3, 4))]


def test_what_comes_together_goes_together() -> None:
    sent: list[list[Any]] = []
    box = Outbox(sent.append)

    box.put("a", 1)
    box.put("b", 2)
    settle()

    assert sent == [[1, 2]]


def test_a_message_takes_the_place_of_one_before_it() -> None:
    sent: list[list[Any]] = []
    box = Outbox(sent.append)

    box.put("a", 1)
    box.put("a", 2)
    settle()

    assert sent == [[2]]


def test_what_comes_later_goes_later() -> None:
    sent: list[list[Any]] = []
    box = Outbox(sent.append)

    box.put("a", 1)
    settle()
    box.put("a", 2)
    settle()

    assert sent == [[1], [2]]


def test_what_was_taken_is_not_sent() -> None:
    sent: list[list[Any]] = []
    box = Outbox(sent.append)

    box.put("a", 1)
    taken = box.take()
    settle()

    assert (taken, sent) == ([1], [])


# The sad group.


@pytest.mark.parametrize(
    "plain",
    [
        pytest.param(None, id="None"),
        pytest.param({}, id="dictionary"),
        pytest.param([None], id="of None"),
        pytest.param([["a", 4]], id="too short"),
        pytest.param([["", 4, None]], id="no name"),
        pytest.param([[7, 4, None]], id="a name that is a number"),
        pytest.param([["a\n", 4, None]], id="a name of two lines"),
        pytest.param([["a", 0, None]], id="life 0"),
        pytest.param([["a", True, None]], id="life True"),
        pytest.param([["a", 4, []]], id="an empty lease"),
        pytest.param([["a", 5, plain_grant("a", LEASE, STATE)[2]]], id="a lease of another life"),
        pytest.param([plain_grant("a", LEASE, STATE), 7], id="the second is none"),
    ],
)
def test_what_is_no_list_of_leases_is_refused(plain: Any) -> None:
    with pytest.raises(InvalidThrottle):
        read_grants(plain)


@pytest.mark.parametrize(
    "plain",
    [
        pytest.param("text", id="text"),
        pytest.param([[]], id="of nothing"),
        pytest.param([["a", 4, None]], id="no report"),
        pytest.param([["a", -4, [1, 0, 0, 0, 0, 0, 0, 0]]], id="a negative life"),
        pytest.param([["\0", 4, [1, 0, 0, 0, 0, 0, 0, 0]]], id="no name"),
        pytest.param([["a", 4, [1, 0, 0, 0, 0, 0, 0, -1]]], id="a report out of range"),
    ],
)
def test_what_is_no_list_of_reports_is_refused(plain: Any) -> None:
    with pytest.raises(InvalidThrottle):
        read_reports(plain)
