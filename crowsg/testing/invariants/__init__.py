"""Whether what must always hold did hold in a run: recorded first, judged afterwards.

Nodes with ``--journal DIR`` note what happens to them; ``crowsg.testing.oracle`` sees from outside
what users do. ``Evidence.read`` reads both, with the results of the run where they are there, and
``check`` tells every invariant that did not hold, ``unjudged`` those of which nothing was seen.
Each function names its invariant, what it reads, what holds, and what it cannot see; the notes are
in the table of ``crowsg.journal``.

``python -m crowsg.testing.invariants DIR`` prints them, and ends with 1 where there are any.
"""

from crowsg.testing.invariants.cluster import (
    commands_are_done_once,
    losses_come_after_the_last_step,
    status_is_true,
)
from crowsg.testing.invariants.evidence import Evidence
from crowsg.testing.invariants.grounds import unjudged
from crowsg.testing.invariants.holders import holders_are_limited
from crowsg.testing.invariants.parts import (
    callbacks_are_in_order,
    nothing_runs_after_the_end,
    there_is_one_master,
)
from crowsg.testing.invariants.processes import (
    loops_run,
    nothing_waits_for_ever,
    processes_are_bounded,
)
from crowsg.testing.invariants.rates import rates_hold, starts_have_permits
from crowsg.testing.invariants.results import results_are_true
from crowsg.testing.invariants.users import ids_are_unique, users_are_conserved, users_live_once
from crowsg.testing.invariants.verdict import Check, Limits, Violation

__all__ = ["CHECKS", "Evidence", "Limits", "Violation", "check", "unjudged"]

CHECKS: dict[str, Check] = {
    "I1": users_are_conserved,
    "I2": users_live_once,
    "I3": ids_are_unique,
    "I4": starts_have_permits,
    "I5": callbacks_are_in_order,
    "I6": rates_hold,
    "I7": holders_are_limited,
    "I9": results_are_true,
    "I10": commands_are_done_once,
    "I11": losses_come_after_the_last_step,
    "I12": there_is_one_master,
    "I13": nothing_runs_after_the_end,
    "I15": status_is_true,
    "I16": nothing_waits_for_ever,
    "I17": loops_run,
    "I18": processes_are_bounded,
}
"""Every invariant that is checked, by its number."""

_DEFAULT = Limits()


def check(evidence: Evidence, limits: Limits = _DEFAULT) -> list[Violation]:
    """Return all that did not hold, by invariant; empty where everything did that was seen.

    Args:
        evidence: What the run left behind.
        limits: How far things may go.
    """
    return [each for look in CHECKS.values() for each in look(evidence, limits)]
