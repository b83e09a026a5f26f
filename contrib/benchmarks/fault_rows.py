"""What is measured when a cluster breaks: its users' own stamps tell what became of them."""

from contrib.benchmarks.measured import Benchmark, Figure, Subject, module_of, patched


def fault_rows(users: int, at_length: bool) -> tuple[Benchmark, ...]:
    """Return the benchmarks of faults; the arguments are those of ``Sizes``."""
    of, each = f"{users} users on 2 nodes", str(users)
    quick = (_kill(of, each, at_length), _kill_master(of, each, at_length), _restart(of, each))
    return (*quick, _freeze(of, each)) if at_length else quick


def _kill(of: str, users: str, at_length: bool) -> Benchmark:
    return Benchmark(
        "cluster-kill",
        (
            Figure("noticed_s", f"kill -9 a worker of {of}: until it is missed, s", 1, 1),
            Figure("restored_s", "the same, until as many users run again, s", 2.5, 2.5),
            Figure("starts_above", "the same, fullest 1 s of 100 starts/s, above the bound", 0, 0),
            Figure("whole_s", "the same, until a throttle of 1000/s is whole again, s", 1, 1),
            Figure("permits_above", "the same, its fullest 1 s, permits above the bound", 0, 0),
        ),
        (patched("crowsg", "on_faults", "kill", users), *_locust("kill", users, at_length)),
    )


def _kill_master(of: str, users: str, at_length: bool) -> Benchmark:
    return Benchmark(
        "cluster-kill-master",
        (
            *_orphaned(f"kill -9 the master of {of}", 8.0),
            Figure("behind_s", "the same, the files of the run are behind the users by, s"),
        ),
        (
            patched("crowsg", "on_faults", "kill-master", users),
            *_locust("kill-master", users, at_length),
        ),
    )


def _restart(of: str, users: str) -> Benchmark:
    return Benchmark(
        "cluster-restart-master",
        (
            Figure("over_s", f"kill -9 and restart the master of {of}: until the last hit, s"),
            Figure("free_s", "the same, from then until the next run has begun on them, s", 5, 5),
        ),
        (patched("crowsg", "on_faults", "restart-master", users),),
    )


def _freeze(of: str, users: str) -> Benchmark:
    return Benchmark(
        "cluster-freeze-master",
        _orphaned(f"SIGSTOP the master of {of}", 8.5),
        (patched("crowsg", "on_faults", "freeze-master", users),),
    )


def _orphaned(title: str, over_s: float) -> tuple[Figure, ...]:
    return (
        Figure("over_s", f"{title}: until the last hit, s", over_s, over_s),
        Figure("terminates_off", "the same, calls of terminate more or less than one a node", 0, 0),
        Figure("exit_code", "the same, exit code of the nodes"),
        Figure("codes_off", "the same, nodes that end with another one than 4", 0, 0),
    )


def _locust(fault: str, users: str, at_length: bool) -> tuple[Subject, ...]:
    """Return Locust, which needs more than a minute for each."""
    command = ("-m", module_of("on_locust_faults"), fault, users)
    return (Subject("Locust", command, needs_locust=True, most_rounds=1),) if at_length else ()
