"""A user that blocks the event loop of a real run is named while it does, and in the summary."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.full_pipe import full_pipe

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock, pytest.mark.drills]

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60
FILE = "scenario_of_the_test.py"
LINE = re.compile(r"WARNING: the event loop is blocked for (\d+\.\d) s by (.*)\n")

SPINNING = """
import time

def init():
    pass

def spin(seconds):
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        pass

def start(user_id):
    spin(2.5)
"""
IN_C = """
from gevent.monkey import get_original

def init():
    pass

def start(user_id):
    get_original("time", "sleep")(SECONDS)
"""
IN_THE_MIDDLE = """
from gevent.monkey import get_original
from crowsg import users

def init():
    pass

def start(user_id):
    users.sleep(1.2)
    get_original("time", "sleep")(1.2)
    users.sleep(0.5)
"""


# User 1 spins until it is stopped, all others live for three seconds.
SPINNER = """
import time
from crowsg import metrics, users

def init():
    pass

def start(user_id):
    users.sleep(0.2)
    if user_id == 1:
        while True:
            try:
                time.monotonic()
            CATCH
    for _ in range(30):
        users.sleep(0.1)
    metrics.count("lived on")
"""
FORGIVING = "except Exception: pass"
PASSING = "finally: pass"
UNBREAKABLE = """
import time
from contextlib import suppress

def spin():
    while True:
        time.monotonic()

def init():
    pass

def start(user_id):
    while True:
        # Around a call: between two steps of this loop nothing is caught.
        with suppress(BaseException):
            spin()
"""
HASHING = """
import hashlib

def init():
    pass

def start(user_id):
    hashlib.pbkdf2_hmac("sha256", b"pass", b"salt", 10**8)
"""
BLOCKED_IN = """
import time

def spin():
    end_s = time.monotonic() + 60
    while time.monotonic() < end_s:
        sum(range(100))

def init():
    INIT

def start(user_id):
    pass

def terminate():
    TERMINATE
"""
# What stands in <string> counts as no scenario's, like crowsg itself.
OF_A_LIBRARY = """
from gevent import monkey; monkey.patch_all()
import json, time, gevent
from crowsg.node import Node
items = [{"number": number} for number in range(10_000)]
with Node("a@test", environment={}, stall_timeout_s=1.0) as node:
    node.watch()
    gevent.sleep(0.1)
    end_s = time.monotonic() + 4
    while time.monotonic() < end_s:
        json.dumps(items, indent=1)
    gevent.sleep(0.2)
    print(len(node.health.watchdog.stalls))
"""


@dataclass
class Run:
    """A run in which one user blocked the loop for two and a half seconds.

    Attributes:
        place: Where the user did it.
        seconds, told: What was said of it, when and where.
        is_early: Whether that was said while the run went on.
        summary: What the run came to.
    """

    place: str
    seconds: float
    told: str
    is_early: bool
    summary: dict[str, Any]

    @property
    def stall(self) -> dict[str, Any]:
        """Return the longest stall; a busy machine may have added others."""
        return longest(self.summary)


def longest(summary: dict[str, Any]) -> dict[str, Any]:
    stall: dict[str, Any] = max(summary["health"]["stalls"], key=lambda each: each["seconds"])
    return stall


def start(
    folder: Path, text: str, *options: str, stderr: int = subprocess.PIPE
) -> "subprocess.Popen[str]":
    """Start a run of one user of a scenario of this text."""
    (folder / FILE).write_text(text)
    return subprocess.Popen(
        [sys.executable, "-m", "crowsg", "run", folder / FILE, "--users", "1", "--json", *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )


def end(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """Wait for the end of a run and return its summary."""
    out, _ = process.communicate(timeout=PATIENCE_S)
    summary: dict[str, Any] = json.loads(out)
    assert process.returncode == summary["exit_code"]
    return summary


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((SPINNING, "spin"), id="Python"),
        pytest.param((IN_C.replace("SECONDS", "2.5"), "start"), id="a call into C"),
    ],
)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    text, function = request.param
    process = start(tmp_path_factory.mktemp("run"), text, "--fail-on-saturation")
    assert process.stderr is not None
    told = next(filter(None, map(LINE.fullmatch, process.stderr)))
    is_early = process.poll() is None
    return Run(
        rf"user 1 in {function} \({FILE}:\d+\)", float(told[1]), told[2], is_early, end(process)
    )


def test_who_blocks_the_loop_is_named(run: Run) -> None:
    assert re.fullmatch(run.place, run.told)


def test_it_is_told_while_the_loop_is_blocked(run: Run) -> None:
    assert run.is_early
    assert 1.0 <= run.seconds < 2.4


def test_the_summary_names_who_blocked_the_loop(run: Run) -> None:
    assert re.fullmatch(run.place, run.stall["place"])


def test_the_summary_tells_when_and_for_how_long(run: Run) -> None:
    duration_s = run.summary["duration_s"]

    assert 2.4 < run.stall["seconds"] < duration_s + 0.1
    assert 0 <= run.stall["at_s"] < duration_s - 2.4


def test_the_summary_tells_when_the_generator_was_the_limit(run: Run) -> None:
    health = run.summary["health"]

    spans = health["saturated"]
    assert health["saturated_s"] == pytest.approx(sum(to_s - from_s for from_s, to_s in spans))
    assert health["saturated_s"] > 2


def test_the_lag_is_as_long_as_the_loop_was_blocked(run: Run) -> None:
    assert 2.4 < run.summary["health"]["loop_lag"]["max"] <= run.stall["seconds"]


def test_a_run_that_may_not_be_saturated_fails(run: Run) -> None:
    assert run.summary["exit_code"] == 98
    assert run.summary["exit_reason"] == "all users are done, but the generator was the limit"


def test_a_run_that_may_be_saturated_does_not_fail(tmp_path: Path) -> None:
    summary = end(start(tmp_path, IN_C.replace("SECONDS", "0.3")))

    assert summary["health"]["saturated_s"] > 0
    assert (summary["exit_code"], summary["exit_reason"]) == (0, "all users are done")


def test_a_stall_in_the_middle_of_a_run_is_on_record_where_it_was(tmp_path: Path) -> None:
    summary = end(start(tmp_path, IN_THE_MIDDLE))

    assert longest(summary)["at_s"] == pytest.approx(1.2, abs=0.5)


def test_a_stall_is_on_record_where_there_is_no_stderr(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(IN_C.replace("SECONDS", "1.3"))
    command = f"exec '{sys.executable}' -m crowsg run '{tmp_path / FILE}' --json --quiet 2>&-"

    out = subprocess.run(
        ["sh", "-c", command], cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=PATIENCE_S
    ).stdout

    assert longest(json.loads(out))["place"].startswith(f"user 1 in start ({FILE}:")


@pytest.fixture(
    scope="module",
    params=[pytest.param(FORGIVING, id="except Exception"), pytest.param(PASSING, id="pass")],
)
def broken(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """Return the summary of a run in which one user of five spun, and was broken."""
    text = SPINNER.replace("CATCH", request.param)
    options = ("--users", "5", "--user-rate", "inf", "--stall-timeout", "1.5")
    return end(start(tmp_path_factory.mktemp("run"), text, *options))


def test_a_user_that_spins_is_broken_and_has_failed_r8(broken: dict[str, Any]) -> None:
    users = broken["users"]

    assert (users["failed"], users["finished"]) == (1, 4)
    assert (broken["exit_code"], broken["exit_reason"]) == (0, "all users are done")


def test_its_failure_says_what_it_did(broken: dict[str, Any]) -> None:
    (error,) = broken["errors"]

    assert (error["kind"], error["count"]) == ("LoopBlocked", 1)
    assert re.fullmatch(
        rf"LoopBlocked: the event loop was blocked for [\d.]+ s \({FILE}:\d+ in start\)",
        error["sample"],
    )


def test_it_is_broken_when_its_time_is_over(broken: dict[str, Any]) -> None:
    assert 1.5 <= longest(broken)["seconds"] < 3


def test_a_user_that_spins_is_broken_though_nobody_reads_what_is_told_of_it(tmp_path: Path) -> None:
    text = SPINNER.replace("CATCH", FORGIVING)
    options = ("--users", "2", "--user-rate", "inf", "--stall-timeout", "1.5", "--quiet")
    with full_pipe() as writer:
        summary = end(start(tmp_path, text, *options, stderr=writer))

    assert (summary["users"]["failed"], summary["users"]["finished"]) == (1, 1)


def test_the_others_live_on(broken: dict[str, Any]) -> None:
    assert broken["counters"] == {"lived on": 4}


def test_the_time_it_spun_is_marked_as_the_generators_own(broken: dict[str, Any]) -> None:
    stall, spans = longest(broken), broken["health"]["saturated"]

    end_s = stall["at_s"] + stall["seconds"]
    assert any(from_s < end_s <= to_s + 1 for from_s, to_s in spans)
    assert broken["health"]["saturated_s"] >= 1


@pytest.mark.parametrize(
    "text",
    [UNBREAKABLE, HASHING, IN_C.replace("SECONDS", "60")],
    ids=["catching everything", "a hash in C", "a sleep in C"],
)
def test_a_process_that_cannot_be_broken_ends_with_code_5_r8(tmp_path: Path, text: str) -> None:
    process = start(tmp_path, text, "--stall-timeout", "1.5")

    _, err = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 5
    last = err.splitlines()[-1]
    place = rf"user 1 in (start|spin) \({FILE}:\d+\)"
    assert re.fullmatch(
        rf"error: the event loop is blocked for [345]\.\d s by {place} for good", last
    )


def test_an_init_that_spins_fails(tmp_path: Path) -> None:
    text = BLOCKED_IN.replace("INIT", "spin()").replace("TERMINATE", "pass")
    process = start(tmp_path, text, "--stall-timeout", "1.5", "--set", "init_timeout=3")

    _, err = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 3
    assert "error: init failed: LoopBlocked: the event loop was blocked for " in err


def test_a_terminate_that_spins_fails(tmp_path: Path) -> None:
    text = BLOCKED_IN.replace("INIT", "pass").replace("TERMINATE", "spin()")

    limits = "--stall-timeout", "1.5", "--set", "terminate_timeout=3"
    summary = end(start(tmp_path, text, *limits))

    assert summary["exit_code"] == 3
    assert summary["exit_reason"].startswith("terminate failed: LoopBlocked: the event loop was b")


def test_nothing_is_broken_where_no_code_of_a_scenario_runs() -> None:
    out = subprocess.run(
        [sys.executable, "-c", OF_A_LIBRARY],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        timeout=PATIENCE_S,
    ).stdout

    assert int(out) >= 1


def test_nobody_is_broken_where_that_is_not_wanted(tmp_path: Path) -> None:
    text = SPINNING.replace("2.5", "3.5")

    summary = end(start(tmp_path, text, "--stall-timeout", "0"))

    assert (summary["users"]["finished"], longest(summary)["seconds"] > 3.4) == (1, True)
