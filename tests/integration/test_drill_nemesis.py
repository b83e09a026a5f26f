"""Drill: whatever may go wrong, at random, and at the end every invariant holds.

``NEMESIS_SECONDS=600 NEMESIS_SEED=random pytest tests/integration/test_drill_nemesis.py`` does so
for ten minutes with a seed that is printed; the same seed does the same things again.
"""

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import gevent
import pytest

from crowsg.dist.run_settings import packed
from crowsg.errors import CrowsgError
from crowsg.testing.invariants import Evidence, unjudged
from tests.support.drills import Drill
from tests.support.nemesis import NODES, Strike, seed_of, strikes

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock, pytest.mark.drills]

SECONDS = float(os.environ.get("NEMESIS_SECONDS", "20"))
SEED = seed_of(os.environ.get("NEMESIS_SEED", ""))
USERS = 60
CUT_EVERY_S = 0.3
CALM_S = 16.0
"""What is left after the last strike: nobody is taken for dead any more."""


class Nemesis:
    """Does what a plan says to a drill."""

    def __init__(self, drill: Drill) -> None:
        self._drill = drill
        self._undoing: list[gevent.Greenlet] = []

    def do(self, strike: Strike) -> None:
        print(strike, flush=True)
        getattr(self, f"_{strike.what}")(strike)

    def calm(self) -> None:
        gevent.joinall(self._undoing, raise_error=True)

    def _kill(self, strike: Strike) -> None:
        self._drill.nodes[strike.node].send(signal.SIGKILL)
        self._later(strike.amount, partial(self._drill.join, strike.node))

    def _stop(self, strike: Strike) -> None:
        node = self._drill.nodes[strike.node]
        node.send(signal.SIGSTOP)
        self._later(strike.amount, partial(node.send, signal.SIGCONT))

    def _stall(self, strike: Strike) -> None:
        proxy = self._drill.proxies[strike.node]
        proxy.stall()
        self._later(strike.amount, proxy.heal)

    def _cut(self, strike: Strike) -> None:
        """Close all connections again and again.

        None is refused: that is the proof that a process is gone, which this one is not.
        """
        proxy = self._drill.proxies[strike.node]
        for number in range(1 + int(strike.amount / CUT_EVERY_S)):
            self._later(number * CUT_EVERY_S, proxy.cut)

    def _slow(self, strike: Strike) -> None:
        proxy = self._drill.proxies[strike.node]
        proxy.delay(0.2)
        self._later(strike.amount, proxy.heal)

    def _block(self, strike: Strike) -> None:
        self._update({"block": f"{strike.node}={strike.amount}"})

    def _rate(self, strike: Strike) -> None:
        self._update({"rate": f"{strike.amount:g}/s"})

    def _update(self, settings: dict[str, str]) -> None:
        self._ask("update_settings", settings=packed(settings), nodes=None)

    def _add(self, strike: Strike) -> None:
        self._ask("add", count=int(strike.amount), nodes=None)

    def _remove(self, strike: Strike) -> None:
        self._ask("remove", count=int(strike.amount), force=False, nodes=None)

    def _ask(self, verb: str, **told: object) -> None:
        """Ask without waiting; that a node which was hurt cannot do it is what is expected."""

        def ask() -> None:
            try:
                self._drill.said(verb, **told)
            except CrowsgError as error:
                print(f"  {verb}: {error}", flush=True)

        self._undoing.append(gevent.spawn(ask))

    def _later(self, seconds: float, undo: Callable[[], object]) -> None:
        self._undoing.append(gevent.spawn_later(seconds, undo))


def test_every_invariant_holds_whatever_goes_wrong(tmp_path: Path) -> None:
    """R20, R21, R22, R23 and I1 to I18, in a run that is hurt all the time."""
    print(f"NEMESIS_SEED={SEED} NEMESIS_SECONDS={SECONDS:g}")
    duration = SECONDS + CALM_S
    with Drill(tmp_path) as drill:
        drill.lead(
            USERS,
            len(NODES),
            *("--user-rate", "30/s", "--on-node-loss", "refill", "--duration", f"{duration}s"),
            *("--out", str(tmp_path / "out")),
        )
        for name in NODES:
            drill.join(name)
        drill.until_running(USERS)
        began_s, nemesis = time.monotonic(), Nemesis(drill)
        for strike in strikes(SEED, SECONDS, NODES):
            gevent.sleep(max(0.0, began_s + strike.at_s - time.monotonic()))
            nemesis.do(strike)
        nemesis.calm()
        code = drill.run.code(duration + 60)
        exits = drill.end()
        violations = [str(each) for each in drill.judged(exits={**exits, "master@drill": code})]
        unseen = unjudged(Evidence.read(tmp_path))

    assert (code, violations) == (0, []), f"seed {SEED}"
    # Where nobody is taken for dead, nothing is given away.
    assert set(unseen) <= {"I11"}
