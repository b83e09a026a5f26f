"""The closed model over HTTP, against a server of this process."""

import pytest

import crowsg
from crowsg import Summary
from tests.scenarios.conftest import Pages

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock]

SCENARIO = "scenarios/http_basic.py"


def visit(pages: Pages, users: int, visits: int, pace: float) -> Summary:
    settings = {"url": pages.url, "path": "/page", "visits": visits, "pace": pace}
    return crowsg.run(SCENARIO, users=users, user_rate="infinity", settings=settings)


def test_each_user_gets_the_page_as_often_as_it_should(pages: Pages) -> None:
    summary = visit(pages, users=3, visits=5, pace=0)

    assert [path for path, _ in pages.asked] == ["/page"] * 15
    assert (summary.users.finished, summary.operations["page"].ok) == (3, 15)


def test_each_user_keeps_its_connection(pages: Pages) -> None:
    visit(pages, users=3, visits=5, pace=0)

    assert len({port for _, port in pages.asked}) == 3


def test_a_user_paces_itself(pages: Pages) -> None:
    summary = visit(pages, users=1, visits=4, pace=0.2)

    assert 0.6 <= summary.duration_s < 1.5
