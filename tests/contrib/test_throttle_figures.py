from array import array

import pytest

from contrib.benchmarks.on_cluster_throttle import grown
from contrib.benchmarks.on_throttle import in_windows, judged

RATE = 128
EVEN = [step / RATE for step in range(10 * RATE)]
"""Ten seconds, all gaps alike."""


@pytest.mark.parametrize(
    ("stamps", "expected"),
    [
        pytest.param([0.0, 0.5, 1.25], [2.0], id="ends-before-the-last"),
        pytest.param([0.0, 1.0, 2.0], [1.0, 1.0], id="its-end-is-not-in-it"),
        pytest.param([0.0, 0.5], [], id="shorter-than-a-window"),
    ],
)
def test_a_window_begins_at_each_stamp(stamps: list[float], expected: list[float]) -> None:
    assert in_windows(stamps, 1.0) == expected


def test_a_burst_is_in_some_window_wherever_it_lies() -> None:
    passed_s = sorted([*EVEN, 4.444, 4.445, 4.446])

    assert max(in_windows(passed_s, 1.0)) == RATE + 3


def test_an_even_pace_is_no_window_above_the_rate() -> None:
    figures = judged(EVEN, RATE, 10.0, 0.0)

    assert figures["mean_percent"] == 100
    assert figures["cv"] == 0
    assert figures["second_percent"] == 0


def test_lost_time_is_taken_off_the_time() -> None:
    passed_s = [each for each in EVEN if not 3 <= each < 5]

    assert judged(passed_s, RATE, 10.0, 2.0)["mean_percent"] == 100


def test_a_throttle_that_stalled_and_does_not_tell_misses_its_mean() -> None:
    passed_s = [each for each in EVEN if not 3 <= each < 5]

    assert judged(passed_s, RATE, 10.0, 0.0)["mean_percent"] == 80


@pytest.mark.parametrize(
    ("from_s", "to_s", "expected"),
    [
        pytest.param(1.0, 3.0, 0.75, id="between-two-looks"),
        pytest.param(1.5, 2.5, 0.5, id="the-look-before-counts"),
        pytest.param(0.0, 9.0, 0.75, id="beyond-both-ends"),
        pytest.param(2.1, 2.9, 0.0, id="no-look-within"),
    ],
)
def test_lost_time_is_what_it_grew_by(from_s: float, to_s: float, expected: float) -> None:
    noted = array("d", [1.0, 0.25, 2.0, 0.75, 3.0, 1.0])

    assert grown(noted, from_s, to_s) == expected
