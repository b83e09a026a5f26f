"""What is measured over several nodes, each a process of its own."""

from contrib.benchmarks.measured import Benchmark, Figure, patched

_INTERVALS = 6
"""For how many intervals the windows of an interval are looked at."""

_Bounds = tuple[float | None, float | None]
_NONE: _Bounds = (None, None)


def cluster_rows(
    loopers: int, looped_s: float, interval_s: float, meshed: int, stopped: int
) -> tuple[Benchmark, ...]:
    """Return the benchmarks of clusters; the arguments are those of ``Sizes``."""
    work = (str(loopers), str(looped_s))
    return (
        _unlocked(*work),
        _paced("1000", *work, second=(1.3, 0.3), cv=(1.0, 0.7)),
        _paced("10000", *work, master=(10, 2)),
        _paced("50000", *work, mean=(99, 99), second=(1.1, 0.4), tenth=(10, 3.5)),
        _interval(str(loopers), f"{interval_s:g}", str(_INTERVALS * interval_s)),
        _mesh("cluster-mesh", "3", 1.0),
        _mesh("cluster-mesh-20", str(meshed), 5.0),
        _join(),
        _stop(str(stopped)),
    )


def _unlocked(users: str, seconds: str) -> Benchmark:
    title = f"{users} users on 2 workers, no limit, permits/s"
    return Benchmark(
        "cluster-unlocked",
        (Figure("permits_per_s", title, 250_000, 600_000, True),),
        (patched("crowsg", "on_cluster_throttle", "unlocked", users, seconds),),
    )


def _paced(
    rate: str,
    users: str,
    seconds: str,
    *,
    mean: _Bounds = (99.5, 99.5),
    second: _Bounds = (1.1, 0.3),
    tenth: _Bounds = (10, 3),
    cv: _Bounds = _NONE,
    master: _Bounds = _NONE,
) -> Benchmark:
    return Benchmark(
        f"cluster-{rate}",
        (
            Figure("mean_percent", f"{rate}/s, {users} users on 2 workers: mean, %", *mean, True),
            Figure("lost_s", "the same, time lost, s"),
            Figure("second_percent", "the same, worst 1 s window, % above", *second),
            Figure("tenth_percent", "the same, p99.9 of 100 ms windows, % above", *tenth),
            Figure("cv", "the same, cv of gaps", *cv),
            Figure("master_percent", "the same, CPU of the master, % of a core", *master),
        ),
        (patched("crowsg", "on_cluster_throttle", "paced", rate, users, seconds),),
    )


def _interval(users: str, interval_s: str, seconds: str) -> Benchmark:
    title = f"100 in {interval_s} s, {users} users on 2 workers: worst window of {interval_s} s"
    return Benchmark(
        "cluster-interval",
        (
            Figure("window_above", f"{title}, permits above", 1, 1),
            Figure("mean_percent", "the same, mean, %"),
            Figure("lost_s", "the same, time lost, s"),
        ),
        (patched("crowsg", "on_cluster_throttle", "interval", "100", interval_s, users, seconds),),
    )


def _mesh(name: str, nodes: str, bound_s: float) -> Benchmark:
    title = f"{nodes} nodes know one another, from the last one listening, s"
    return Benchmark(
        name,
        (Figure("ready_s", title, bound_s, bound_s),),
        (patched("crowsg", "on_cluster", "mesh", nodes),),
    )


def _join() -> Benchmark:
    return Benchmark(
        "cluster-join",
        (
            Figure("worker_s", "a node joins a run: listening until it is a worker, s", 2, 2),
            Figure("added_s", "the same, until users of the next add run there, s", 2, 2),
        ),
        (patched("crowsg", "on_cluster", "join"),),
    )


def _stop(users: str) -> Benchmark:
    title = f"stop of {users} users on 2 workers: until the last of them is gone"
    return Benchmark(
        "cluster-stop",
        (
            Figure("dead_ms", f"{title}, ms", 100, 100),
            Figure("counted_s", "the same, until the final counts, s", 1.5, 1.5),
            Figure("off", "the same, hits counted more or less than the server's", 0, 0),
            Figure("hits", "the same, hits of the server"),
        ),
        (patched("crowsg", "on_cluster", "stop", users),),
    )
