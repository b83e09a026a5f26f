"""The line a second."""

from io import StringIO

import pytest

from crowsg.controller.status import Status
from crowsg.report.progress import Progress, line
from crowsg.users.counts import UserCounts


@pytest.mark.parametrize(
    ("seconds", "counts", "text"),
    [
        pytest.param(
            0.4, UserCounts(), "  0:00  0 running, 0 finished, 0 failed", id="nothing yet"
        ),
        pytest.param(
            61.9,
            UserCounts(asked=9, waiting=1, running=2, finished=3, killed=3, stuck=1),
            "  1:02  1 waiting, 2 running, 3 finished, 0 failed, 3 killed, 1 stuck",
            id="outcomes that occurred",
        ),
        pytest.param(86_400, UserCounts(), "1440:00  0 running, 0 finished, 0 failed", id="a day"),
    ],
)
def test_a_line_says_where_the_users_stand(seconds: float, counts: UserCounts, text: str) -> None:
    status = Status("running", "any", counts, counts.asked, "", {})

    assert line(seconds, status) == text


def test_a_stream_that_breaks_ends_the_lines_and_not_the_run() -> None:
    class Broken(StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    status = Status("running", "any", UserCounts(), 0, "", {})
    progress = Progress(Broken())

    progress(1.0, status)
    progress(2.0, status)
