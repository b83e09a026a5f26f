"""Drill: workers that are cut off from their master, both ways and one way, and come back."""

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import gevent
import pytest

from crowsg.clock import SECOND
from crowsg.errors import EXIT_ABORTED, EXIT_OK
from crowsg.testing.invariants import Violation
from tests.support.drills import MASTER
from tests.support.namespaces import HUB
from tests.support.parted_drills import Hosts, PartedDrill
from tests.support.vitals import open_files

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock, pytest.mark.drills]

SHORT, LONG, MUTE, DEAF, CALM = NAMES = tuple(
    f"{host}@drill" for host in ("short", "long", "mute", "deaf", "calm")
)
PARTED = LONG, MUTE, DEAF
SHORT_S, LONG_S = 5.0, 15.0
USERS, ADDED = 50, 10
BEAT_S = 1.0
"""How long ago a node may have been heard when it is cut off."""


@dataclass(frozen=True)
class Parting:
    """What was seen of a run some of whose workers were cut off.

    Attributes:
        cut, healed: When, in nanoseconds, by name.
        notes: What each node noted.
        caws: What users did.
        files: How many descriptors each process had: before, and at last.
        summary, code: How it ended.
        exits: How its nodes did.
        violations: What did not hold.
    """

    cut: dict[str, int]
    healed: dict[str, int]
    notes: dict[str, list[dict[str, Any]]]
    caws: Sequence[dict[str, Any]]
    files: tuple[dict[str, int], dict[str, int]]
    summary: dict[str, Any]
    code: int
    exits: dict[str, int]
    violations: Sequence[Violation]

    def noted(self, node: str, kind: str, **fields: Any) -> list[int]:
        """Return when a node noted such a thing since the cut."""
        return [
            note["t"]
            for note in self.notes[node]
            if note["kind"] == kind
            and note["t"] > min(self.cut.values())
            and fields.items() <= note.items()
        ]

    def told_of(self, name: str) -> dict[str, Any]:
        """Return the users of a node, by the summary."""
        (users,) = (node["users"] for node in self.summary["nodes"] if node["name"] == name)
        return dict(users)


@pytest.fixture(scope="module")
def parting(tmp_path_factory: pytest.TempPathFactory) -> Parting:
    folder = tmp_path_factory.mktemp("parting")
    options = ("--user-rate", "inf", "--set", "rate=500/s", "--out", str(folder / "out"))
    with PartedDrill(folder, *NAMES) as drill:
        drill.lead(USERS, len(NAMES), *options)
        drill.join_all()
        drill.until_running(USERS)
        for name in NAMES:
            # By then it has connections to all whom it talks to: to itself it comes last.
            drill.until_noted(name, "command", sender=name, method="ping")
        drill.told("add", "0")
        before = files_of(drill)
        cut = {name: how() for name, how in faults(drill.net).items()}
        gevent.sleep(SHORT_S)
        drill.net.heal("short")
        healed = {SHORT: time.monotonic_ns()}
        gevent.sleep(LONG_S - SHORT_S)
        drill.net.heal("long")
        drill.net.heal("mute")
        drill.net.unmute(HUB)
        healed.update(dict.fromkeys(PARTED, time.monotonic_ns()))
        for name in PARTED:
            drill.until_noted(name, "begin", cut[name])
        drill.told("add", str(ADDED))
        gevent.sleep(3.0)
        after = files_of(drill)
        drill.run.send(signal.SIGINT)
        summary, code, exits = drill.run.summary(), drill.run.code(), drill.end()
        kinds = ("lost", "fence", "configure", "begin", "command", "end")
        return Parting(
            cut,
            healed,
            {name: drill.notes(name, *kinds) for name in (MASTER, *NAMES)},
            drill.hits("caw"),
            (before, after),
            summary,
            code,
            exits,
            drill.judged(exits={**exits, MASTER: code}),
        )


def faults(net: Hosts) -> dict[str, Callable[[], int]]:
    """Return what cuts each node off, and tells when that was done."""

    def done(*cuts: Callable[[], object]) -> int:
        for each in cuts:
            each()
        return time.monotonic_ns()

    return {
        SHORT: partial(done, partial(net.cut, "short")),
        LONG: partial(done, partial(net.cut, "long")),
        MUTE: partial(done, partial(net.mute, "mute", HUB)),
        DEAF: partial(done, partial(net.mute, HUB, "deaf")),
    }


def files_of(drill: PartedDrill) -> dict[str, int]:
    processes = {MASTER: drill.run, **drill.nodes}
    return {name: open_files(process.pid) for name, process in processes.items()}


@pytest.mark.parametrize("name", PARTED)
def test_its_load_ends_within_eight_and_a_half_seconds_r3(parting: Parting, name: str) -> None:
    anew = parting.noted(name, "configure")[0]
    last = max(at for at in parting.noted(name, "end") if at < anew)
    print((last - parting.cut[name]) / SECOND)
    assert (last - parting.cut[name]) / SECOND <= 8.5


@pytest.mark.parametrize("name", PARTED)
def test_it_is_given_up_after_it_has_ended_r3(parting: Parting, name: str) -> None:
    """I11."""
    (lost,) = parting.noted(MASTER, "lost", name=name)
    (fenced,) = parting.noted(name, "fence")
    print((fenced - parting.cut[name]) / SECOND, (lost - parting.cut[name]) / SECOND)
    assert 10.0 - BEAT_S <= (lost - parting.cut[name]) / SECOND <= 10.5
    assert fenced < lost


def test_a_short_cut_costs_nothing_r3_r23(parting: Parting) -> None:
    users = parting.told_of(SHORT)
    assert (users["lost"], users["removed"]) == (0, users["asked"])
    assert parting.noted(SHORT, "fence") == parting.noted(SHORT, "configure") == []


@pytest.mark.parametrize("name", [SHORT, *PARTED])
def test_after_it_the_first_command_is_done_within_two_seconds_r7(
    parting: Parting, name: str
) -> None:
    healed = parting.healed[name]
    first = next(at for at in parting.noted(name, "command", sender=MASTER) if at > healed)
    print((first - healed) / SECOND)
    assert (first - healed) / SECOND <= 2.0


@pytest.mark.parametrize("name", PARTED)
def test_it_takes_part_anew_r3(parting: Parting, name: str) -> None:
    came = {
        hit["user"]
        for hit in parting.caws
        if hit["node"] == name and hit["at"] > parting.healed[name]
    }
    assert len(came) == ADDED // len(NAMES)
    assert min(came) > USERS


@pytest.mark.parametrize("name", [MASTER, *NAMES])
def test_no_descriptor_is_left_r7(parting: Parting, name: str) -> None:
    before, after = parting.files
    print(before[name], after[name])
    assert abs(after[name] - before[name]) <= 2


def test_the_run_ends_in_order_r3(parting: Parting) -> None:
    assert parting.summary["users"]["lost"] == len(PARTED) * USERS // len(NAMES)
    assert (parting.code, set(parting.exits.values())) == (EXIT_ABORTED, {EXIT_OK})


def test_every_invariant_holds_r3_r20_r22_r23(parting: Parting) -> None:
    assert [str(each) for each in parting.violations] == []
