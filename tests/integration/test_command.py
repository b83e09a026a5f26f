"""The ``crowsg`` command in a process of its own, and signals sent to it."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock]

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60

IDLE = "from crowsg import users\ndef init(): pass\ndef start(i): users.sleep(1000)\n"
STUBBORN = """
from crowsg import users

def init():
    pass

def start(user_id):
    while True:
        try:
            users.sleep(1000)
        except BaseException:
            pass

def terminate():
    print("terminated")
"""
COUNTING = "from crowsg import metrics\ndef init(): pass\ndef start(i): metrics.count('caws')\n"
SPINNING = (
    "def init(): pass\ndef start(i):\n    print('spinning', flush=True)\n    while True: pass\n"
)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        path = tmp_path / "scenario_of_the_test.py"
        path.write_text(text)
        return str(path)

    return write


def crowsg(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "crowsg", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until_line(process: "subprocess.Popen[str]", words: str) -> None:
    """Wait for a line of progress."""
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"it ended without saying {words!r}")


def result(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out, err


def summary(process: "subprocess.Popen[str]") -> dict[str, Any]:
    code, out, _ = result(process)
    said: dict[str, Any] = json.loads(out)
    assert code == said["exit_code"]
    return said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_ends_a_run_gracefully(
    write: Callable[[str], str], number: signal.Signals
) -> None:
    """R30: one stop ends everything."""
    process = crowsg("run", write(IDLE), "--users", "50", "--user-rate", "inf", "--json")
    until_line(process, "50 running")

    process.send_signal(number)

    said = summary(process)
    assert (said["exit_code"], said["exit_reason"]) == (97, "interrupted")
    assert said["users"]["removed"] == 50


def test_a_second_signal_leaves_no_grace(write: Callable[[str], str]) -> None:
    """R30: a stop of what is stopping already."""
    process = crowsg(
        "run", write(STUBBORN), "--users", "3", "--user-rate", "inf", "--stop-timeout", "30"
    )
    until_line(process, "3 running")
    began = time.monotonic()

    process.send_signal(signal.SIGINT)
    until_line(process, "3 running")
    process.send_signal(signal.SIGINT)

    code, out, _ = result(process)
    assert (code, "terminated" in out) == (5, True)
    assert time.monotonic() - began < 10


def test_a_third_signal_ends_even_a_node_that_is_blocked(write: Callable[[str], str]) -> None:
    """R30: a stop that nothing can hold up."""
    process = crowsg("run", write(SPINNING))
    assert process.stdout is not None
    assert process.stdout.readline() == "spinning\n"

    for _ in range(3):
        process.send_signal(signal.SIGINT)
        # Signals sent at once are delivered as one.
        time.sleep(0.3)  # noqa: TID251 - real time on purpose

    assert result(process)[0] == 97


def series(address: str) -> dict[str, float]:
    """Scrape a metrics endpoint; returns the values by series."""
    with urlopen(address, timeout=PATIENCE_S) as answer:
        lines = answer.read().decode().splitlines()
    return {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line[0] != "#"
    }


def lingering(scenario: str, seconds: int) -> tuple["subprocess.Popen[str]", str]:
    """Run five users and read the summary; returns the process that lingers, and its endpoint."""
    process = crowsg(
        "run", scenario, "--users", "5", "--user-rate", "5/s", "--linger", str(seconds)
    )
    assert process.stderr is not None
    assert process.stdout is not None
    address = process.stderr.readline().split()[1]
    for line in process.stdout:
        if line.startswith("generator: "):
            break
    return process, address


def test_a_run_that_lingers_serves_its_final_values(write: Callable[[str], str]) -> None:
    process, address = lingering(write(COUNTING), 60)

    found = series(address)

    process.kill()
    process.communicate()
    assert (
        found['crowsg_users_ended_total{outcome="finished",scenario="scenario_of_the_test"}'] == 5
    )
    assert found['crowsg_users{scenario="scenario_of_the_test"}'] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_lingering_with_the_code_of_the_run(
    write: Callable[[str], str], number: signal.Signals
) -> None:
    process, _ = lingering(write(COUNTING), 60)

    process.send_signal(number)

    assert process.wait(10) == 0
    process.communicate()


def test_lingering_ends_when_its_time_is_over(write: Callable[[str], str]) -> None:
    process, address = lingering(write(COUNTING), 2)
    began = time.monotonic()

    assert process.wait(PATIENCE_S) == 0

    assert 1 < time.monotonic() - began < 10
    process.communicate()
    with pytest.raises(OSError, match="refused"):
        series(address)


def test_the_default_port_gives_way_to_the_next(write: Callable[[str], str]) -> None:
    first, second = [lingering(write(COUNTING), 60) for _ in range(2)]

    ports = [int(urlsplit(address).port or 0) for _, address in (first, second)]

    for process, _ in (first, second):
        process.kill()
        process.communicate()
    assert 9464 <= ports[0] < ports[1]


def test_users_that_cannot_be_killed_end_with_their_process(write: Callable[[str], str]) -> None:
    """R9: they are told as stuck, and the code is 5."""
    process = crowsg(
        "run", write(STUBBORN), "--users", "3", "--duration", "1", "--stop-timeout", "0.2"
    )

    code, out, err = result(process)

    assert code == 5
    assert "users could not be killed" in out
    assert "stuck" in err


def test_a_scenario_that_exits_ends_only_its_users(write: Callable[[str], str]) -> None:
    """R10: an exit of a user is none of the node."""
    text = "import sys\ndef init(): pass\ndef start(i): sys.exit(1)\n"
    process = crowsg("run", write(text), "--users", "100", "--user-rate", "inf", "--json")

    said = summary(process)

    assert (said["exit_code"], said["users"]["failed"]) == (0, 100)


def test_code_that_runs_in_an_unpatched_process_is_told_the_two_lines() -> None:
    program = "import crowsg\ncrowsg.run('messaging')"
    process = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert "NotPatched" in process.stderr
    assert "from gevent import monkey\n    monkey.patch_all()" in process.stderr


def test_the_two_lines_are_enough(write: Callable[[str], str]) -> None:
    path = write("def init(): pass\ndef start(i): pass\n")
    program = (
        "from gevent import monkey\nmonkey.patch_all()\nimport crowsg\n"
        f"print(crowsg.run({path!r}, users=5, user_rate='inf').users.finished)"
    )
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (process.stdout, process.stderr) == ("5\n", "")


@pytest.mark.parametrize("callback", ["init", "start", "busy"])
def test_ctrl_c_ends_a_run_from_code_in_order(write: Callable[[str], str], callback: str) -> None:
    """R30: in ``init``, while users wait, and while they work."""
    text = """
from crowsg import users

def setup():
    pass

def init():
    WAIT_INIT

def start(user_id):
    WAIT_START

def teardown():
    print("torn down", flush=True)
"""
    pause = "while True: users.sleep(0)" if callback == "busy" else "users.sleep(1000)"
    wait = f"print('waiting', flush=True)\n    {pause}"
    text = text.replace("WAIT_INIT" if callback == "init" else "WAIT_START", wait)
    text = text.replace("WAIT_INIT", "pass").replace("WAIT_START", "pass")
    program = (
        f"from gevent import monkey; monkey.patch_all()\nimport crowsg; crowsg.run({write(text)!r})"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"

    process.send_signal(signal.SIGINT)

    _, out, err = result(process)
    assert out == "torn down\n"
    assert err.rstrip().endswith("KeyboardInterrupt")


@pytest.mark.long
def test_the_messaging_scenario_loses_no_message_unsaid() -> None:
    process = crowsg("run", "messaging", "--users", "300", "--user-rate", "100/s", "--json")

    said = summary(process)

    counters = said["counters"]
    assert said["users"]["finished"] == said["users"]["asked"] == 300
    assert said["errors"] == []
    sent = counters["messages_sent"] + counters["answers_sent"]
    received = counters["messages_received"] + counters["answers_received"]
    assert sent == counters["server_routed"] + counters["server_dropped"]
    assert received <= counters["server_routed"]
    assert 300 * 21 <= counters["messages_sent"] <= 300 * 30
    assert said["operations"]["connect"]["ok"] == 300
    assert said["operations"]["delivery"]["ok"] == received


def test_a_stopped_messaging_run_still_counts_what_the_server_counts() -> None:
    process = crowsg(
        "run", "messaging", "--users", "100", "--user-rate", "inf", "--duration", "5", "--json"
    )

    said = summary(process)

    counters = said["counters"]
    assert said["users"]["removed"] == 100
    sent = counters["messages_sent"] + counters["answers_sent"]
    # A stop may fall between the send and the count of it, at most once a user.
    assert 0 <= counters["server_routed"] + counters["server_dropped"] - sent <= 100
