"""What one node has of a throttle: its counts, with what the owner told."""

import gevent

from crowsg.rate import Ramp, Rate
from crowsg.testing import ManualClock
from crowsg.testing.manual_clock import settle
from crowsg.throttle.outlet import Outlet, info_without_outlet
from crowsg.throttle.owner import ThrottleState
from crowsg.throttle.process import RampProgress

UP = Ramp("10/s", "20/s", steps=2, step_interval=1)
STATE = ThrottleState(Rate(15, per=1), True, RampProgress(UP, 1), 2_000_000_000, UP, 4)


def test_the_counts_are_of_the_node_and_the_rest_is_the_owners() -> None:
    outlet = Outlet(ManualClock(), "a", STATE, lambda _: None)
    outlet.requested, outlet.granted = 7, 5
    waiting = gevent.spawn(outlet.gate.wait)
    settle()

    info = outlet.info(STATE)

    assert (info.requested, info.granted, info.executed, info.waiting) == (7, 5, 5, 1)
    assert (info.rate, info.is_paused, info.progress) == (STATE.rate, True, STATE.progress)
    assert info.lost_s == 2
    waiting.kill()


def test_where_nobody_waited_there_are_no_counts() -> None:
    info = info_without_outlet(STATE)

    assert (info.rate, info.is_paused, info.progress, info.lost_s) == (
        STATE.rate,
        True,
        STATE.progress,
        2,
    )
    assert (info.waiting, info.requested, info.granted, info.executed, info.held) == (0,) * 5
