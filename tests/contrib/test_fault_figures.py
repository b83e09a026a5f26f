import pytest

from contrib.benchmarks.fault_figures import behind, bound, fullest, whole_after

RATE = 1000
FAULT_S = 2.0


def even(*rests_s: tuple[float, float], until_s: float = 8.0) -> list[float]:
    """Return hits at the rate, but for some times of rest."""
    hits_s = [hit / RATE for hit in range(int(until_s * RATE))]
    return [each for each in hits_s if not any(begin <= each < end for begin, end in rests_s)]


@pytest.mark.parametrize(
    ("hits_s", "expected"),
    [
        pytest.param(even(), 0.0, id="nothing-missing"),
        pytest.param(even((2.0, 2.4)), 0.4, id="a-gap-after-the-fault"),
        pytest.param(even((2.0, 2.2), (2.3, 2.5)), 0.5, id="not-in-a-lull-between-two-gaps"),
        pytest.param(even((1.0, 1.5)), 0.0, id="a-gap-before-the-fault"),
        pytest.param(even((2.0, 2.3), (2.7, 2.71)), 0.3, id="a-hiccup-of-the-machine-afterwards"),
        pytest.param(even((2.3, 2.6)), 0.6, id="a-gap-that-comes-late"),
    ],
)
def test_a_rate_is_whole_from_where_it_stays_so(hits_s: list[float], expected: float) -> None:
    assert whole_after(hits_s, RATE, FAULT_S) == pytest.approx(expected, abs=0.011)


def test_half_a_rate_is_never_whole() -> None:
    assert whole_after(even()[::2], RATE, FAULT_S) is None


def test_nothing_is_known_before_a_second_has_passed() -> None:
    assert whole_after(even((2.0, 2.4), until_s=3.3), RATE, FAULT_S) is None


def test_the_fullest_window_may_be_the_last() -> None:
    moments_s = [1.0, 2.0, 3.0, *[9.0 + number / 100 for number in range(50)]]

    assert fullest(moments_s, 1.0) == 50


def test_the_end_of_a_window_is_not_in_it() -> None:
    assert fullest([1.0, 1.5, 2.0], 1.0) == 2


def test_a_granule_and_a_permit_for_each_node_may_be_above_the_rate() -> None:
    assert bound(1000, 1.0, 0.01, nodes=2) == 1012


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        pytest.param(4, 0.0, id="all-of-them"),
        pytest.param(3, 0.5, id="without-the-last"),
        pytest.param(0, 2.0, id="none"),
        pytest.param(5, 0.0, id="those-after-the-fault-too"),
    ],
)
def test_files_are_behind_by_the_time_since_the_first_hit_they_miss(
    counted: int, expected: float
) -> None:
    hits_s = [1.0, 1.5, 2.0, 2.5, 3.5]

    assert behind(hits_s, counted, fault_s=3.0) == expected
