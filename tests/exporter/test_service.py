"""The exporter of a node that runs scenarios, asked over HTTP."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from crowsg import config, metrics, users
from crowsg.config.variable import Variable
from crowsg.context import node_context
from crowsg.errors import InvalidAddress
from crowsg.node import Node
from crowsg.testing import ManualClock
from tests.exporter.scrapes import Scrape
from tests.support.nodes import Bench, ignore_the_stop, make_scenario, survive_kills

CALLBACK = "crowsg_scenario_callback_duration_seconds"
SECRET = "hunter2-0f8fad5b"
TEXT_OF_AN_ERROR = "9c1185a5 has no money left"
FIRST_ID = 7_654_321
# Of all of 127.0.0.0/8, one that no other test process uses.
OWN_HOST = "127.2.{}.{}".format(*divmod(os.getpid() % 65536, 256))


@contextmanager
def a_node(name: str = "test@localhost", **environment: str) -> Iterator[Node]:
    """Give a started node with ``CROWSG_PROMETHEUS_...`` set like that."""
    variables = {f"CROWSG_PROMETHEUS_{name}": value for name, value in environment.items()}
    with Node(name, clock=ManualClock(), environment=variables) as node:
        yield node


@pytest.fixture
def served() -> Iterator[Bench]:
    """Give a started node on a manual clock that serves its series on any port."""
    bench = Bench(CROWSG_PROMETHEUS_PORT="0")
    with bench.node:
        bench.node.serve_metrics()
        yield bench


def scrape(bench: Bench) -> Scrape:
    """Ask for the series, by HTTP."""
    return Scrape(get(bench.node.exporter.address, "/metrics"))


def get(address: str, path: str) -> str:
    """Return the body of an answer."""
    with urlopen(f"http://{address}{path}", timeout=5) as answer:
        body: bytes = answer.read()
    return body.decode()


def end_somehow(user_id: int) -> None:
    """End, or not, in a way that depends on the id."""
    match user_id % 5:
        case 1:
            raise ValueError
        case 2:
            ignore_the_stop(user_id)
        case 3:
            survive_kills(user_id)
        case 4:
            users.sleep(1000)


def stop_in_midst(bench: Bench) -> None:
    """Begin a run whose users end in every way, and let it be stopped before all have started."""
    bench.do(make_scenario(end_somehow, terminate=lambda: None), 17)
    bench.node.local.update_settings({"user_rate": 0})
    bench.clock.advance(0)
    bench.node.local.add(5)
    bench.clock.advance(3)
    bench.node.local.stop()
    bench.clock.advance(3)


@pytest.mark.parametrize(
    "live",
    [
        pytest.param(lambda bench: None, id="before any run"),
        pytest.param(lambda bench: bench.do(make_scenario(), 10), id="running"),
        pytest.param(lambda bench: bench.do(make_scenario(lambda user_id: None), 10), id="done"),
        pytest.param(stop_in_midst, id="stopped"),
    ],
)
def test_users_are_told_as_the_status_counts_them(
    served: Bench, live: Callable[[Bench], None]
) -> None:
    live(served)

    found = scrape(served)

    status = served.node.local.status()
    scenario, counts = status.scenario or "", status.users
    ended = found.by("outcome", "crowsg_users_ended_total")
    assert found.value("crowsg_users", scenario=scenario) == counts.running
    assert found.value("crowsg_users_started_total", scenario=scenario) == counts.started
    assert ended == {outcome: counts.as_dict()[outcome] for outcome in ended}
    assert found.value("crowsg_node_state", state=status.state) == 1


def test_a_stopped_run_has_users_of_many_outcomes(served: Bench) -> None:
    stop_in_midst(served)

    outcomes = scrape(served).by("outcome", "crowsg_users_ended_total")

    assert {outcome for outcome, count in outcomes.items() if count} == {
        "finished", "failed", "removed", "killed", "cancelled",
    }  # fmt: skip


def test_lives_of_users_are_timed(served: Bench) -> None:
    served.do(make_scenario(lambda user_id: users.sleep(user_id)), 3)
    served.clock.advance(10)

    found = scrape(served).distribution("crowsg_user_duration_seconds", scenario="made")

    assert (found.count, found.sum) == (3, 1 + 2 + 3)


def test_callbacks_of_every_run_are_timed(served: Bench) -> None:
    for run in (1, 2):
        served.do(make_scenario(init=lambda: None, terminate=lambda: None, name=f"run {run}"), 0)
        served.node.local.stop()
        served.clock.advance(0)

    told = scrape(served).labels(f"{CALLBACK}_count")

    assert {(labels["scenario"], labels["callback"], labels["outcome"]) for labels in told} == {
        (f"run {run}", callback, "ok") for run in (1, 2) for callback in ("init", "terminate")
    }


def fail() -> None:
    """Be a callback that raises."""
    raise RuntimeError(TEXT_OF_AN_ERROR)


def test_a_callback_that_fails_is_timed_as_failed(served: Bench) -> None:
    served.do(make_scenario(terminate=fail), 0)
    served.node.local.stop()
    served.clock.advance(0)

    labels = {"scenario": "made", "callback": "terminate", "outcome": "failed"}

    assert scrape(served).value(f"{CALLBACK}_count", **labels) == 1


def test_what_users_record_is_told(served: Bench) -> None:
    served.do(make_scenario(lambda user_id: metrics.count("sent", user_id)), 4)

    assert scrape(served).value("crowsg_counter_total", name="sent") == 1 + 2 + 3 + 4


def test_the_rate_of_starts_is_a_throttle_of_every_run(served: Bench) -> None:
    served.do(make_scenario(), 2, user_rate="600/min")

    assert scrape(served).value("crowsg_throttle_limit_per_second", throttle="user_rate") == 10


def test_a_new_run_begins_with_nothing_recorded(served: Bench) -> None:
    served.do(make_scenario(lambda user_id: metrics.count("sent")), 1)
    served.node.local.stop()
    served.clock.advance(0)

    served.do(make_scenario(), 0)

    assert scrape(served).labels("crowsg_counter_total") == []


def spend_everything(user_id: int) -> None:
    """Touch all that must not be told."""
    password: Any = config.get("password")
    with metrics.time("log in") as operation:
        operation.fail(TEXT_OF_AN_ERROR)
    metrics.check("has a password", password)
    raise ValueError(f"{TEXT_OF_AN_ERROR}, user {user_id}, password {password}")


@pytest.fixture
def indiscreet(served: Bench) -> Bench:
    """Hold a run with secrets, errors and remarkable user ids, all of it over."""
    variables = [Variable("password", "what opens the door", "", secret=True)]
    scenario = make_scenario(spend_everything, terminate=fail, required_variables=variables)
    settings = {"user_rate": "infinity", "password": SECRET}
    served.node.controller.start_scenario(scenario, settings)
    served.node.controller.add_users(FIRST_ID, FIRST_ID + 2)
    served.clock.advance(1)
    served.node.local.stop()
    served.clock.advance(1)
    return served


def test_the_run_that_must_stay_secret_has_happened(indiscreet: Bench) -> None:
    found = scrape(indiscreet)

    assert found.value("crowsg_checks_total", check="has a password", outcome="passed") == 3
    assert found.value("crowsg_users_ended_total", scenario="made", outcome="failed") == 3


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param(SECRET, id="setting"),
        pytest.param(SECRET.partition("-")[0], id="part of a setting"),
        pytest.param(TEXT_OF_AN_ERROR, id="text of an error"),
        pytest.param("9c1185a5", id="varying part of an error"),
        pytest.param("ValueError", id="kind of an error"),
        pytest.param("76543", id="user id"),
    ],
)
def test_nothing_secret_is_told(indiscreet: Bench, secret: str) -> None:
    assert secret not in scrape(indiscreet).text


def test_discovery_tells_of_the_node() -> None:
    with a_node("load-7@example", PORT="0") as node:
        address = node.serve_metrics()

        (group,) = json.loads(get(address, "/sd/prometheus"))

    assert group == {"targets": [address], "labels": {"node": "load-7@example", "role": "lone"}}


@pytest.mark.parametrize("name", ["\udcff@localhost", 'a"\\\n@b'], ids=ascii)
@pytest.mark.parametrize("path", ["/metrics", "/sd/prometheus"])
def test_no_name_of_a_node_makes_an_answer_fail(name: str, path: str) -> None:
    with a_node(name, PORT="0") as node:
        assert get(node.serve_metrics(), path)


def test_the_process_is_told_as_it_is(served: Bench) -> None:
    found = scrape(served)

    assert 1e6 < found.value("process_resident_memory_bytes") < 1e11
    assert 3 < found.value("process_open_fds") <= found.value("process_max_fds")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_environment_says_where_to_listen(host: str) -> None:
    with a_node(HOST=host, PORT="0") as node:
        address = node.serve_metrics()

        assert address.rpartition(":")[0].strip("[]") == host
        assert "crowsg_node_info" in get(address, "/metrics")


def test_a_host_alone_gets_the_default_port() -> None:
    with a_node(HOST=OWN_HOST) as node:
        assert node.serve_metrics() == f"{OWN_HOST}:9464"


def test_two_nodes_on_one_host_get_two_ports() -> None:
    with a_node(HOST=OWN_HOST) as one, a_node(HOST=OWN_HOST) as another:
        assert [one.serve_metrics(), another.serve_metrics()] == [
            f"{OWN_HOST}:9464",
            f"{OWN_HOST}:9465",
        ]


def test_a_port_asked_for_is_not_replaced_by_the_next() -> None:
    with a_node(HOST=OWN_HOST, PORT="9464") as one, a_node(HOST=OWN_HOST, PORT="9464") as another:
        one.serve_metrics()

        with pytest.raises(InvalidAddress, match="in use"):
            another.serve_metrics()


@pytest.mark.parametrize(
    "port", ["http", "65536", "-1", "9464.0", " 9464", "0x10", "\u0663", "9" * 5000],
    ids=lambda port: ascii(port)[:10],
)  # fmt: skip
def test_a_port_that_is_none_is_an_error(port: str) -> None:
    with (
        a_node(PORT=port) as node,
        pytest.raises(InvalidAddress, match="CROWSG_PROMETHEUS_PORT is a number") as caught,
    ):
        node.serve_metrics()

    assert len(str(caught.value)) < 150


@pytest.mark.parametrize(
    ("environment", "is_asked"),
    [
        pytest.param({}, False, id="nothing"),
        pytest.param({"HOST": "", "PORT": ""}, False, id="empty"),
        pytest.param({"HOST": OWN_HOST}, True, id="host"),
        pytest.param({"PORT": "0"}, True, id="port"),
    ],
)
def test_a_run_serves_only_where_it_is_asked_to(
    environment: dict[str, str], is_asked: bool
) -> None:
    with a_node(**environment) as node:
        assert bool(node.serve_metrics(only_if_asked=True)) == is_asked


def test_a_stopped_node_serves_no_more() -> None:
    with a_node(PORT="0") as node:
        address = node.serve_metrics()

    assert node.exporter.address == ""
    with pytest.raises(URLError, match="refused"):
        get(address, "/metrics")


def test_a_node_serves_again_after_a_stop(served: Bench) -> None:
    served.node.stop()
    served.node.start()
    served.node.serve_metrics()

    assert scrape(served).value("crowsg_node_state", state="idle") == 1


def test_no_name_or_label_makes_a_scrape_fail(served: Bench) -> None:
    with node_context(served.node):
        metrics.count("sent", to="\udcff")

    found = scrape(served)

    assert found.value("crowsg_counter_total", name="sent", to="?") == 1
