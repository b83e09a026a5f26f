import pytest

from contrib.benchmarks.truth import Stop, expected

STOPS = [Stop(2.0, 3.0), Stop(5.0, 5.5)]


@pytest.mark.parametrize(
    ("arrival_s", "wait_s"),
    [
        pytest.param(1.9, 0.0, id="before"),
        pytest.param(2.0, 1.0, id="at-its-beginning"),
        pytest.param(2.75, 0.25, id="within"),
        pytest.param(3.0, 0.0, id="at-its-end"),
        pytest.param(5.25, 0.25, id="within-the-second"),
        pytest.param(6.0, 0.0, id="after-all"),
    ],
)
def test_an_arrival_waits_for_the_end_of_the_stop(arrival_s: float, wait_s: float) -> None:
    assert expected(iter([arrival_s]), STOPS) == [wait_s]


def test_waits_ascend() -> None:
    assert expected(iter([2.25, 2.5, 4.0]), STOPS) == [0.0, 0.5, 0.75]
