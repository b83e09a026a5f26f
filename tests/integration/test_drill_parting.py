"""Drill: workers that are parted from their master, both ways and one way, and come back."""

import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import gevent
import pytest

from crowsg.clock import SECOND
from crowsg.cluster.heartbeat import BEAT_S
from crowsg.errors import EXIT_ABORTED, EXIT_OK
from crowsg.testing.invariants import Violation
from tests.support.cluster_processes import until
from tests.support.drills import MASTER
from tests.support.namespaces import HUB
from tests.support.parted_drills import PartedDrill
from tests.support.vitals import open_files

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock, pytest.mark.drills]

CUT, MUTE, DEAF, CALM = NAMES = tuple(f"{host}@drill" for host in ("cut", "mute", "deaf", "calm"))
PARTED = CUT, MUTE, DEAF
BRIEF_S, LONG_S = 5.0, 13.0
USERS, ADDED = 40, 8


class Silence(NamedTuple):
    """When nodes were parted, each by its name, and when they were no more, in nanoseconds."""

    since: dict[str, int]
    until: int


@dataclass(frozen=True)
class Parting:
    """What was seen of a run whose workers were parted from their master, twice.

    Attributes:
        brief, long: When that was.
        notes: What each node noted.
        caws: What users did.
        half_open: What was left of connections that are gone on the other side.
        files: How many descriptors each process had after the first time, and at last.
        summary, code: How it ended.
        exits: How its nodes did.
        violations: What did not hold.
    """

    brief: Silence
    long: Silence
    notes: dict[str, list[dict[str, Any]]]
    caws: Sequence[dict[str, Any]]
    half_open: set[tuple[str, str]]
    files: tuple[dict[str, int], dict[str, int]]
    summary: dict[str, Any]
    code: int
    exits: dict[str, int]
    violations: Sequence[Violation]

    def noted(self, node: str, kind: str, since: int, **fields: Any) -> list[int]:
        """Return when a node noted such a thing, from a moment on."""
        return [
            note["t"]
            for note in self.notes[node]
            if note["kind"] == kind and note["t"] > since and fields.items() <= note.items()
        ]


@pytest.fixture(scope="module")
def parting(tmp_path_factory: pytest.TempPathFactory) -> Parting:
    folder = tmp_path_factory.mktemp("parting")
    options = ("--user-rate", "inf", "--set", "rate=500/s", "--out", str(folder / "out"))
    with PartedDrill(folder, *NAMES) as drill:
        drill.lead(USERS, len(NAMES), *options)
        drill.join_all()
        drill.until_running(USERS)
        gevent.sleep(2.0)
        brief = parted(drill, BRIEF_S)
        until(lambda: all_are_up(drill, brief.until), 10.0)
        drill.told("add", "0")
        before = files_of(drill)
        long = parted(drill, LONG_S)
        for name in PARTED:
            drill.until_noted(name, "begin", long.until)
        drill.told("add", str(ADDED))
        gevent.sleep(2.0)
        half_open = settled(drill)
        after = files_of(drill)
        drill.run.send(signal.SIGINT)
        summary, code, exits = drill.run.summary(), drill.run.code(), drill.end()
        kinds = ("lost", "fence", "configure", "command", "end")
        return Parting(
            brief,
            long,
            {name: drill.notes(name, *kinds) for name in (MASTER, *NAMES)},
            drill.hits("caw"),
            half_open,
            (before, after),
            summary,
            code,
            exits,
            drill.judged(exits={**exits, MASTER: code}),
        )


def parted(drill: PartedDrill, seconds: float) -> Silence:
    """Part all nodes but one from their master for a while."""
    drill.net.cut("cut")
    since = {CUT: time.monotonic_ns()}
    drill.net.mute("mute", HUB)
    since[MUTE] = time.monotonic_ns()
    drill.net.mute(HUB, "deaf")
    since[DEAF] = time.monotonic_ns()
    gevent.sleep(seconds)
    drill.net.heal("cut")
    drill.net.heal("mute")
    drill.net.unmute(HUB)
    return Silence(since, time.monotonic_ns())


def all_are_up(drill: PartedDrill, since: int) -> bool:
    gevent.sleep(0.2)
    seen = drill.notes(MASTER, "cluster")[-1]
    return seen["t"] > since and set(seen["nodes"].values()) == {"up"}


def settled(drill: PartedDrill) -> set[tuple[str, str]]:
    """Return which connections stay half open, in the seconds in which a dead one is found."""
    end_s = time.monotonic() + 5.0
    while (half_open := drill.net.half_open()) and time.monotonic() < end_s:
        gevent.sleep(0.2)
    return half_open


def files_of(drill: PartedDrill) -> dict[str, int]:
    processes = {MASTER: drill.run, **drill.nodes}
    return {name: open_files(process.pid) for name, process in processes.items()}


class TestBriefly:
    @pytest.mark.parametrize("name", PARTED)
    def test_nothing_is_lost_and_nothing_is_run_twice_r3(self, parting: Parting, name: str) -> None:
        moments = range(min(parting.brief.since.values()), min(parting.long.since.values()))
        noted = parting.notes[MASTER] + parting.notes[name]
        kinds = {note["kind"] for note in noted if note["t"] in moments}
        assert kinds <= {"command"}

    @pytest.mark.parametrize("name", PARTED)
    def test_the_first_command_is_done_two_seconds_after_r7(
        self, parting: Parting, name: str
    ) -> None:
        healed = parting.brief.until
        assert (parting.noted(name, "command", healed, sender=MASTER)[0] - healed) / SECOND <= 2.0


class TestForLong:
    @pytest.mark.parametrize("name", PARTED)
    def test_its_load_ends_within_eight_and_a_half_seconds_r3(
        self, parting: Parting, name: str
    ) -> None:
        since = parting.long.since[name]
        ends = [at for at in parting.noted(name, "end", since) if at < parting.long.until]
        assert len(ends) == USERS // len(NAMES)
        assert (max(ends) - since) / SECOND <= 8.5

    @pytest.mark.parametrize("name", PARTED)
    def test_it_is_given_up_when_it_has_ended_r3(self, parting: Parting, name: str) -> None:
        """I11; one that only gets no answers is heard for another beat or two."""
        since = parting.long.since[name]
        (lost,) = parting.noted(MASTER, "lost", since, name=name)
        latest_s = 10.5 + (2 * BEAT_S if name == DEAF else 0.0)
        assert max(parting.noted(name, "fence", since)) < lost
        assert 10.0 - BEAT_S <= (lost - since) / SECOND <= latest_s

    @pytest.mark.parametrize("name", PARTED)
    def test_the_first_command_is_done_two_seconds_after_r7(
        self, parting: Parting, name: str
    ) -> None:
        healed = parting.long.until
        assert (parting.noted(name, "command", healed, sender=MASTER)[0] - healed) / SECOND <= 2.0

    @pytest.mark.parametrize("name", PARTED)
    def test_it_takes_part_anew_r3(self, parting: Parting, name: str) -> None:
        later = [hit for hit in parting.caws if hit["at"] > parting.long.until]
        came = {hit["user"] for hit in later if hit["node"] == name}
        assert len(came) == ADDED // len(NAMES)
        assert min(came) > USERS

    def test_no_connection_is_left_half_open_r7(self, parting: Parting) -> None:
        assert parting.half_open == set()

    @pytest.mark.parametrize("name", [MASTER, *NAMES])
    def test_no_descriptor_is_left_r7(self, parting: Parting, name: str) -> None:
        """But those of one connection to each other node, where there was no need for it before."""
        before, after = parting.files
        assert after[name] <= before[name] + 2 * len(NAMES) + 2


def test_the_run_ends_in_order_r3(parting: Parting) -> None:
    assert parting.summary["users"]["lost"] == len(PARTED) * USERS // len(NAMES)
    assert (parting.code, set(parting.exits.values())) == (EXIT_ABORTED, {EXIT_OK})


def test_every_invariant_holds_r3_r20_r22_r23(parting: Parting) -> None:
    assert [str(each) for each in parting.violations] == []
