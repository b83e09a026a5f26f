"""The open model over HTTP, against a server of this process."""

import gevent
import pytest

import crowsg
from crowsg import Node, Summary
from tests.scenarios.conftest import Pages

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock]

SCENARIO = "scenarios/http_open_model.py"


@pytest.fixture
def summary(pages: Pages) -> Summary:
    return crowsg.run(SCENARIO, duration=1, settings={"url": pages.url, "rate": "200/s"})


def test_visits_come_at_their_rate(summary: Summary) -> None:
    assert summary.operations["page"].ok == pytest.approx(200, abs=20)


def test_response_times_run_from_the_schedule(summary: Summary) -> None:
    page = summary.operations["page"]

    assert page.response is not None
    assert page.service is not None
    assert page.response.mean >= page.service.mean


def test_each_visit_reached_the_server_and_none_was_dropped(pages: Pages, summary: Summary) -> None:
    visits = summary.operations["visits"]

    assert len(pages.asked) == visits.ok == summary.operations["page"].ok
    assert visits.dropped == 0


def test_the_rate_can_be_changed_while_it_runs(pages: Pages) -> None:
    with Node(environment={}) as node:
        node.local.do(SCENARIO, 1, {"url": pages.url, "rate": "10/s", "user_rate": "infinity"})
        node.local.update_settings({"rate": "1000/s"})
        gevent.sleep(0.5)
        node.local.reset()

    assert len(pages.asked) > 100
