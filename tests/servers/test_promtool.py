"""What Prometheus' own tool says of a scrape."""

import math
import subprocess
from collections.abc import Callable, Iterator
from urllib.request import urlopen

import pytest

from crowsg import metrics
from crowsg.rate import Rate
from tests.support.nodes import Bench, make_scenario

pytestmark = pytest.mark.servers

UGLY = 'a\\b "c" {,} d="e" # ünï 🦆'

# The two names are promised, and the word is what these series are about.
REMARKS = [
    "crowsg_counter_total metric name should not include type 'counter'",
    "crowsg_gauge metric name should not include type 'gauge'",
]


@pytest.fixture
def served() -> Iterator[Bench]:
    """Give a started node on a manual clock that serves its series on any port."""
    bench = Bench(CROWSG_PROMETHEUS_PORT="0")
    with bench.node:
        bench.node.serve_metrics()
        yield bench


def scrape(bench: Bench) -> str:
    with urlopen(f"http://{bench.node.exporter.address}/metrics", timeout=5) as answer:
        text: bytes = answer.read()
    return text.decode()


def check(text: str) -> tuple[int, list[str]]:
    """Return the exit code of promtool and the lines it prints."""
    done = subprocess.run(
        ["promtool", "check", "metrics"],
        input=text.encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=30,
    )
    return done.returncode, sorted(filter(None, done.stdout.decode().splitlines()))


def declare_all() -> None:
    """Declare a metric of each kind, with labels and without."""
    for suffix, labels in (("", ["to"]), ("_plain", [])):
        metrics.declare("counter", f"chat_messages{suffix}", f"Sent by {UGLY}.", labels)
        metrics.declare("gauge", f"chat_queue{suffix}", "How many wait.", labels)
        metrics.declare("operation", f"chat_login{suffix}", "From word to word.", labels)


def record_declared(user_id: int) -> None:
    """Record into all that is declared."""
    for to in (UGLY, "b", ""):
        metrics.count("chat_messages", 0.5, to=to)
        metrics.gauge("chat_queue", user_id, to=to)
        metrics.observe("chat_login", user_id, response=user_id, to=to)
    metrics.count("chat_messages_plain")
    metrics.gauge("chat_queue_plain", -math.inf)
    metrics.observe("chat_login_plain", 0.5, failure="refused")


def record_undeclared(user_id: int) -> None:
    """Record everything that needs no declaration, under ugly names, and fail."""
    for labels in ({}, {"to": UGLY, "code": 200}):
        metrics.count(UGLY, 10**400, **labels)
        metrics.gauge(UGLY, math.nan, **labels)
        metrics.observe(UGLY, user_id, response=user_id, failure=UGLY, **labels)
    for number in range(205):
        metrics.count(f"counter {number}")
    metrics.check(UGLY, user_id % 2)
    raise ValueError(UGLY)


def run(bench: Bench, start: Callable[[int], object], init: Callable[[], object]) -> None:
    """Let a scenario of three users run to its end."""
    bench.do(make_scenario(start, init=init, terminate=lambda: None, name=UGLY), 3)
    bench.node.throttles.start(UGLY, Rate.of("10/s"))
    bench.node.throttles.wait(UGLY)
    bench.node.local.stop()
    bench.clock.advance(1)


def test_promtool_finds_nothing_on_a_node_that_ran_nothing(served: Bench) -> None:
    assert check(scrape(served)) == (0, [])


def test_promtool_finds_nothing_where_all_metrics_are_declared(served: Bench) -> None:
    run(served, record_declared, declare_all)

    text = scrape(served)

    assert 'chat_login_seconds_count{to="b",outcome="ok"} 3' in text
    assert check(text) == (0, [])


def test_promtool_only_remarks_on_the_names_of_what_is_undeclared(served: Bench) -> None:
    run(served, record_undeclared, declare_all)

    text = scrape(served)

    assert 'crowsg_checks_total{check="a' in text
    assert check(text)[1] == REMARKS


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('# HELP x A.\n# TYPE x gauge\nx{a="b"c"} 1\n', id="not escaped"),
        pytest.param("# HELP x A.\n# TYPE x gauge\nx nan.0\n", id="no number"),
        pytest.param("# TYPE x gauge\nx 1\n", id="no help"),
    ],
)
def test_promtool_would_find_something(text: str) -> None:
    assert check(text)[0] != 0
