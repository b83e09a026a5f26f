"""A summary with something of everything."""

from crowsg.health.record import HealthSummary, StallSummary
from crowsg.metrics.failures import FailureGroup
from crowsg.metrics.figures import Latency, summary_of
from crowsg.metrics.operation import Operation
from crowsg.rate import Rate
from crowsg.summary import Change, NodeSummary, Summary
from crowsg.throttle.info import ThrottleInfo
from crowsg.users.counts import UserCounts
from tests.record.runs import operation_of

SETTINGS = {
    "rate": Rate(5, per=1),
    "limit": float("inf"),
    "sizes": (1, {2}),
    "by_id": {1: None},
    "odd": object,
}
USERS = UserCounts(asked=3, failed=3)
LATENCY = Latency(0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.02)
HEALTH = HealthSummary(
    saturated_s=1.0,
    saturated=((0.5, 1.5),),
    cpu_mean=0.5,
    cpu_max=0.9,
    loop_lag=LATENCY,
    gc_pause=LATENCY,
    gc_pause_s=0.1,
    resident_bytes=1_000_000,
    open_files=12,
    stalls=(StallSummary(0.5, 1.0, "start (chat.py:7)"),),
)


def call() -> Operation:
    """Return an operation with an intended moment: 10 ms of work, 20 ms late."""
    operation = Operation()
    operation.record(10_000_000, "", 30_000_000)
    return operation


SUMMARY = Summary(
    run_id="run-1",
    scenario="chat",
    settings=SETTINGS,
    started_at=0.0,
    duration_s=1.5,
    exit_code=0,
    exit_reason="all users are done",
    users=USERS,
    operations={
        "login": summary_of(operation_of(ok=2, failed=1), 1.5),
        "call": summary_of(call(), 1.5),
    },
    counters={"sent": 2, "ratio": float("nan")},
    gauges={"limit": float("-inf")},
    checks={"sound": (2, 1)},
    throttles={"calls": ThrottleInfo(Rate(5, per=2), False, 1, 4, 3, 3, 0, 0.25, None)},
    errors=(FailureGroup("ValueError", "user *", 3, 0.5, 2.5, "ValueError: user 7"),),
    nodes=(NodeSummary("a@host", "finished", USERS, HEALTH, ((0.1, 0.2),)),),
    health=HEALTH,
    events=(Change(0.5, "a@host", "controller.users", {"count": 3, "type": "add"}),),
)
