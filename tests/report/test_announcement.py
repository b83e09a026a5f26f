"""One thing, said once, and only when there is something to say it about."""

from typing import Any, cast

from crowsg.report.announcement import Announcement

SAMPLE = cast("Any", None)


def test_it_is_said_with_the_first_sample_alone() -> None:
    said: list[str] = []
    announcement = Announcement(said.append, "metrics: here")

    announcement.see(SAMPLE)
    announcement.see(SAMPLE)

    assert said == ["metrics: here"]


def test_nothing_is_said_of_a_run_that_did_not_start() -> None:
    said: list[str] = []

    Announcement(said.append, "metrics: here").end(None)

    assert said == []
