"""What is told of throttles."""

import math

import gevent
import pytest

from crowsg.exporter.recorded import recorded
from crowsg.rate import Rate
from crowsg.throttle.info import ThrottleInfo
from crowsg.throttle.service import Throttles
from tests.exporter.scrapes import Scrape, recorded_by
from tests.support.nodes import Bench


def test_throttles_tell_their_rates(bench: Bench) -> None:
    for name, rate in {"a": "90/min", "b": "infinity", "c": "paused"}.items():
        bench.node.throttles.start(name, Rate.of(rate))

    limits = recorded_by(bench.node).by("throttle", "crowsg_throttle_limit_per_second")

    assert limits == {"a": 1.5, "b": math.inf, "c": 0}


@pytest.fixture
def waited_on(bench: Bench) -> Bench:
    """Hold a throttle of which six permits were asked for and three used."""
    bench.node.throttles.start("slow", Rate.of("1/s"))
    waiting = [gevent.spawn(bench.node.throttles.wait, "slow") for _ in range(6)]
    bench.clock.advance(2)
    gevent.killall(waiting)
    return bench


class OneThrottle(Throttles):
    """Holds a throttle that lost two and a half seconds."""

    def infos(self) -> dict[str, ThrottleInfo]:
        return {"slow": ThrottleInfo(Rate.of("2/s"), False, 4, 33, 22, 11, 0, 2.5, None)}


def test_throttles_tell_what_became_of_permits(bench: Bench) -> None:
    throttles = OneThrottle(bench.clock, bench.node.telemetry, bench.node.spawn)

    scrape = Scrape(recorded(bench.node.recorder, throttles))

    for what, value in {"requests": 33, "executions": 11, "lost_seconds": 2.5}.items():
        assert scrape.value(f"crowsg_throttle_{what}_total", throttle="slow") == value


def test_throttles_tell_how_long_permits_were_waited_for(waited_on: Bench) -> None:
    found = recorded_by(waited_on.node).distribution(
        "crowsg_throttle_wait_seconds", throttle="slow"
    )

    assert (found.count, found.sum) == (3, 0 + 1 + 2)


def test_what_a_throttle_counted_is_still_told_when_its_run_has_ended(waited_on: Bench) -> None:
    waited_on.node.throttles.stop_all()

    scrape = recorded_by(waited_on.node)

    assert scrape.by("throttle", "crowsg_throttle_executions_total") == {"slow": 3}
    assert scrape.by("throttle", "crowsg_throttle_wait_seconds_count") == {"slow": 3}


@pytest.mark.parametrize("name", ['a\\b "c" {,}', "ünï"], ids=repr)
def test_a_throttle_may_be_called_anything(bench: Bench, name: str) -> None:
    bench.node.throttles.start(name, Rate.of(60))

    assert recorded_by(bench.node).value("crowsg_throttle_limit_per_second", throttle=name) == 1
