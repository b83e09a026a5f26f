"""Durations and ranges of ids, as they are typed."""

from pathlib import Path

import click
import pytest

from crowsg.cli.types import Duration, Folder, IdRange, RateType
from crowsg.rate import Rate


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90.0), ("90s", 90.0), ("5m", 300.0), ("2h", 7200.0), ("0.5", 0.5), ("1.5m", 90.0)],
)
def test_a_duration_is_read_in_seconds(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "s", "-1", "1d", "1e3", "nan", "inf", "1 2", "5 m s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no duration"):
        Duration().convert(text, None, None)


def test_a_folder_need_not_be_there() -> None:
    assert Folder().convert("no/such/folder", None, None) == Path("no/such/folder")


def test_a_folder_without_a_name_is_refused() -> None:
    with pytest.raises(click.BadParameter, match="has a name"):
        Folder().convert("", None, None)


def test_a_range_of_ids_names_the_first_and_the_last() -> None:
    assert IdRange().convert("5-17", None, None) == (5, 17)


@pytest.mark.parametrize("text", ["", "5", "5-", "-5", "17-5", "0-3", "a-b", "1-2-3"])
def test_what_is_no_range_of_ids_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no range of ids"):
        IdRange().convert(text, None, None)


def test_a_rate_is_read_in_any_spelling() -> None:
    assert RateType().convert("500/s", None, None) == Rate(500, per=1)
