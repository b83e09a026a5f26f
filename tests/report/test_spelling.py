"""Numbers and texts as people read them."""

import pytest

from crowsg.report.spelling import (
    duration,
    number,
    shortened,
    size,
    sparkline,
    stopwatch,
    workers,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        pytest.param(0.0, "0 s", id="nothing"),
        pytest.param(1e-9, "1 ns", id="a nanosecond"),
        pytest.param(0.9994e-6, "999 ns", id="below a microsecond"),
        pytest.param(0.9996e-6, "1 us", id="rounded up to a microsecond"),
        pytest.param(0.000_25, "250 us", id="microseconds"),
        pytest.param(0.9996e-3, "1 ms", id="rounded up to a millisecond"),
        pytest.param(0.012_345, "12.3 ms", id="three digits count"),
        pytest.param(0.9996, "1 s", id="rounded up to a second"),
        pytest.param(1.5, "1.5 s", id="seconds"),
        pytest.param(999.4, "999 s", id="below a thousand"),
        pytest.param(999.6, "1000 s", id="rounded up to a thousand"),
        pytest.param(4000.4, "4000 s", id="thousands"),
    ],
)
def test_a_duration_has_three_digits_that_count(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        pytest.param(0, "0 B", id="nothing"),
        pytest.param(999, "999 B", id="bytes"),
        pytest.param(1000, "1 kB", id="a kilobyte"),
        pytest.param(48_123_456, "48.1 MB", id="megabytes"),
        pytest.param(999_900_000, "1 GB", id="rounded up to a gigabyte"),
        pytest.param(12_345_678_901, "12.3 GB", id="gigabytes"),
        pytest.param(1.2e15, "1200000 GB", id="more than anybody has"),
    ],
)
def test_a_size_has_a_unit(count: float, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize("exponent", range(-9, 5))
@pytest.mark.parametrize("digits", [1.0, 3.14159, 9.994, 9.996, 9.99999])
def test_no_duration_is_wider_than_eight_cells(exponent: int, digits: float) -> None:
    text = duration(digits * 10.0**exponent)

    assert len(text) <= 8


@pytest.mark.parametrize(
    ("count", "text"),
    [
        pytest.param(0, "0", id="none"),
        pytest.param(99_999_999, "99999999", id="eight digits"),
        pytest.param(100_000_000, "100 M", id="nine digits"),
        pytest.param(2_147_999_999, "2147 M", id="rounded down"),
    ],
)
def test_a_number_has_eight_characters_at_the_most(count: int, text: str) -> None:
    assert number(count) == text


@pytest.mark.parametrize(("count", "text"), [(0, ""), (1, "1 worker"), (20, "20 workers")])
def test_workers_are_counted(count: int, text: str) -> None:
    assert workers(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        pytest.param(0.4, "0:00", id="the beginning"),
        pytest.param(59.6, "1:00", id="rounded up to a minute"),
        pytest.param(61.9, "1:02", id="a minute"),
        pytest.param(3600, "60:00", id="an hour"),
    ],
)
def test_a_stopwatch_counts_minutes_and_seconds(seconds: float, text: str) -> None:
    assert stopwatch(seconds) == text


@pytest.mark.parametrize(
    ("values", "text"),
    [
        pytest.param([], "", id="none"),
        pytest.param([1.0], "█", id="one is the largest"),
        pytest.param([0.0, 0.5, 1.0], "▁▄█", id="between nothing and the largest"),
        pytest.param([1.0, None, 1.0], "█ █", id="a gap"),
        pytest.param([None, None], "  ", id="gaps only"),
        pytest.param([0.0, 0.0], "▁▁", id="nothing but zero"),
        pytest.param([i / 8 for i in range(1, 9)], "▁▂▃▄▅▆▇█", id="every bar"),
        pytest.param([1e-300, 1e300], "▁█", id="as far apart as can be"),
    ],
)
def test_values_are_drawn_as_bars(values: list[float | None], text: str) -> None:
    assert sparkline(values) == text


def test_a_short_sample_stays_as_it_is() -> None:
    assert shortened("ValueError: x (a.py:1 in start)", 31) == "ValueError: x (a.py:1 in start)"


def test_a_long_sample_keeps_its_beginning_and_its_place() -> None:
    text = shortened(f"ValueError: {'x' * 99} (a.py:1 in start)", 50)

    assert (len(text), text[:14], text[-20:]) == (
        50,
        "ValueError: xx",
        "... (a.py:1 in start)"[-20:],
    )


@pytest.mark.parametrize(
    "sample",
    [
        pytest.param("ValueError: " + "x" * 99, id="no place"),
        pytest.param("ValueError: x (" + "y" * 99, id="a long place"),
    ],
)
@pytest.mark.parametrize("limit", [0, 1, 3, 20])
def test_a_sample_is_cut_where_its_place_would_take_half_of_it(sample: str, limit: int) -> None:
    assert len(shortened(sample, limit)) <= max(3, limit)
