"""What the process uses is what the system says."""

import os
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crowsg.clock import MonotonicClock
from crowsg.health import process
from crowsg.health.process import read_process

NAME = Path("/proc/self/comm")


class Uncounted:
    """What kernels before 6.2 say of a folder of files."""

    st_size = 0


def listed() -> int:
    """Return how many files are open by a kernel that does not count them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "stat", lambda _: Uncounted)
        return read_process().open_files


def counted() -> int:
    """Return how many files are open by this kernel."""
    return read_process().open_files


@pytest.fixture(params=[counted, listed])
def open_files(request: pytest.FixtureRequest) -> Callable[[], int]:
    count: Callable[[], int] = request.param
    return count


@pytest.fixture
def _name() -> Iterator[None]:
    """Lets the process have its name again."""
    before = NAME.read_bytes()
    yield
    NAME.write_bytes(before)


def status(name: str) -> int:
    """Return a line of the system's own description, in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    (line,) = (each for each in lines if each.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


def test_the_open_files_are_those_the_system_lists(open_files: Callable[[], int]) -> None:
    listed = len(os.listdir("/proc/self/fd"))

    # Whoever lists a folder has it open.
    assert open_files() == listed - 1


def test_one_more_open_file_is_one_more(open_files: Callable[[], int]) -> None:
    before = open_files()

    with Path(os.devnull).open("rb"):
        meanwhile = open_files()

    assert (meanwhile, open_files()) == (before + 1, before)


@pytest.mark.parametrize(
    ("attribute", "name"), [("resident_bytes", "VmRSS"), ("virtual_bytes", "VmSize")]
)
def test_memory_is_what_the_system_says(attribute: str, name: str) -> None:
    reading = read_process()

    assert getattr(reading, attribute) == pytest.approx(status(name), rel=0.05)


def test_memory_in_use_is_resident() -> None:
    before = read_process().resident_bytes

    held = b"x" * 50_000_000

    assert read_process().resident_bytes - before > 0.9 * len(held)


def test_the_limit_of_files_is_the_soft_one() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (500, hard))

    reading = read_process()

    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert reading.max_files == 500


def test_processor_time_is_what_the_system_counts() -> None:
    before_s = time.process_time()

    cpu_s = read_process().cpu_s

    assert before_s - 0.02 <= cpu_s <= time.process_time() + 0.02


def test_work_uses_processor_time() -> None:
    before_s = read_process().cpu_s
    enough_s = time.process_time() + 0.1

    while time.process_time() < enough_s:
        pass

    assert read_process().cpu_s - before_s == pytest.approx(0.1, abs=0.03)


def test_the_start_lies_as_far_back_as_the_process_is_old() -> None:
    ticks = int(Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()[19])
    born_s = ticks / os.sysconf("SC_CLK_TCK")

    started_at = read_process().started_at

    age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - born_s
    # The system tells the moment of its own start in whole seconds.
    assert MonotonicClock().wall() - started_at == pytest.approx(age_s, abs=1.5)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(b"a) R (b) 1 2 3", id="brackets"),
        pytest.param("\u043a\u0440\u0430".encode()[:-1], id="half a character"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(b" ", id="blank"),
    ],
)
@pytest.mark.usefixtures("_name")
def test_the_start_is_told_whatever_the_process_is_called(name: bytes) -> None:
    before = read_process().started_at

    NAME.write_bytes(name)

    assert read_process().started_at == before > 0


def test_where_the_system_does_not_tell_there_is_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("_STATUS", "_MEMORY", "_FILES", "_BOOT"):
        monkeypatch.setattr(process, name, tmp_path / "missing")

    reading = read_process()

    told = (reading.resident_bytes, reading.virtual_bytes, reading.open_files, reading.started_at)
    assert told == (0, 0, 0, 0.0)
    assert reading.cpu_s > 0


def test_where_the_system_hides_its_own_start_the_process_has_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hidden = tmp_path / "stat"
    hidden.write_text("cpu 1 2 3\n")
    monkeypatch.setattr(process, "_BOOT", hidden)

    assert read_process().started_at == 0.0
