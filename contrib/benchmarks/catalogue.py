"""What is measured, on whom, and what is asked of crowsg."""

from dataclasses import dataclass, replace

from contrib.benchmarks.cluster_rows import cluster_rows
from contrib.benchmarks.fault_rows import fault_rows
from contrib.benchmarks.measured import Benchmark, Figure, Subject, module_of, patched

_PAGES = {"small": "13 bytes", "large": "10 000 bytes", "tls": "13 bytes with TLS"}
_HTTP_PEERS = (
    ("Locust FastHttpUser", "locust", True, ("nginx",)),
    ("wrk", "wrk", False, ("nginx", "wrk")),
    ("hey", "hey", False, ("nginx", "hey")),
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much work is done.

    Attributes:
        few, many: Users.
        period_s: What the users of ``lateness`` sleep.
        grace_s: What users have between being asked and being killed.
        events: Events emitted per sample.
        watched: Users who are watched.
        watched_s: For how long they are, and are not.
        loopers: Users that loop on a throttle.
        looped_s: For how long they are looked at.
        interval_s: Interval of a throttle whose windows of that length are looked at.
        meshed: Nodes of a large cluster.
        stopped: Users of a run that is stopped.
        faulted: Users of a run that faults are done to.
        at_length: Whether faults are measured, too, whose end takes a minute.
        visited_s: For how long users get a page.
        stop_s, stop_period_s, stops: For how long, how often and how many times a server stops.
    """

    few: int
    many: int
    period_s: float
    grace_s: float
    events: int
    watched: int
    watched_s: float
    loopers: int
    looped_s: float
    interval_s: float
    meshed: int
    stopped: int
    faulted: int
    at_length: bool
    visited_s: float
    stop_s: float
    stop_period_s: float
    stops: int


FULL = Sizes(
    few=10_000,
    many=100_000,
    period_s=10.0,
    grace_s=2.0,
    events=200_000,
    watched=5_000,
    watched_s=20.0,
    loopers=1_000,
    looped_s=10.0,
    interval_s=5.0,
    meshed=20,
    stopped=100,
    faulted=100,
    at_length=True,
    visited_s=5.0,
    stop_s=1.0,
    stop_period_s=10.0,
    stops=4,
)
SMOKE = Sizes(
    few=100,
    many=300,
    period_s=0.2,
    grace_s=0.1,
    events=1_000,
    watched=100,
    watched_s=2.0,
    loopers=50,
    looped_s=1.5,
    interval_s=0.5,
    meshed=5,
    stopped=20,
    faulted=20,
    at_length=False,
    visited_s=1.0,
    stop_s=0.3,
    stop_period_s=2.0,
    stops=1,
)


def catalogue(sizes: Sizes) -> tuple[Benchmark, ...]:
    """Return every benchmark."""
    few, many = str(sizes.few), str(sizes.many)
    return (
        _start("start-few", few, with_locust=True),
        _start("start-many", many, with_locust=False),
        _lateness("lateness", "", many, str(sizes.period_s), "0"),
        _lateness("lateness-keeping", ", keeping 2 lists a round", many, str(sizes.period_s), "2"),
        _removal("remove-ignoring", "ignoring", many, str(sizes.grace_s), must=6.0, aims=4.2),
        _removal("remove-obeying", "obeying", many, str(sizes.grace_s)),
        _telemetry(str(sizes.events)),
        _recording(str(sizes.events)),
        _unlocked(str(sizes.loopers), str(sizes.looped_s)),
        _paced("1000", str(sizes.loopers), str(sizes.looped_s), cv=(0.7, 0.3)),
        _paced("10000", str(sizes.loopers), str(sizes.looped_s)),
        _paced("50000", str(sizes.loopers), str(sizes.looped_s)),
        _scrape(str(sizes.watched), str(sizes.watched_s)),
        _live(str(sizes.watched), str(sizes.watched_s)),
        _http("http", "small", "100", sizes.visited_s, 29_000, 50_000),
        _http("http-1", "small", "1", sizes.visited_s),
        _http("http-1000", "small", "1000", sizes.visited_s),
        _http("http-large", "large", "100", sizes.visited_s),
        _http("http-tls", "tls", "100", sizes.visited_s),
        _truth(str(sizes.stop_s), str(sizes.stop_period_s), str(sizes.stops)),
        *cluster_rows(sizes.loopers, sizes.looped_s, sizes.interval_s, sizes.meshed, sizes.stopped),
        *fault_rows(sizes.faulted, sizes.at_length),
    )


def crowsg(*arguments: str) -> Subject:
    """Return crowsg, its process patched as ``crowsg run`` patches its own."""
    return patched("crowsg", "on_crowsg", *arguments)


def gevent(title: str, *arguments: str) -> Subject:
    """Return the same work on greenlets alone."""
    return Subject(title, ("-m", "contrib.benchmarks.on_gevent", *arguments))


def locust(*arguments: str) -> Subject:
    """Return the same work on Locust."""
    return Subject("Locust", ("-m", "contrib.benchmarks.on_locust", *arguments), needs_locust=True)


def _start(name: str, users: str, with_locust: bool) -> Benchmark:
    subjects = (crowsg("start", users), gevent("gevent", "start", users))
    return Benchmark(
        name,
        (
            Figure("started_per_s", f"start {users} idle users, users/s", 25_000, 45_000, True),
            Figure("rss_per_user", f"RSS per idle user of {users}, bytes", 9_700, 8_500),
        ),
        (*subjects, locust("start", users)) if with_locust else subjects,
    )


def _lateness(name: str, manner: str, *work: str) -> Benchmark:
    users, period_s, _ = work
    title = f"{users} users sleeping {period_s} s in a loop{manner}"
    return Benchmark(
        name,
        (
            Figure("late_p50_ms", f"{title}, lateness p50, ms"),
            Figure("late_p99_ms", "the same, p99, ms", 20, 11),
            Figure("late_max_ms", "the same, max, ms"),
            Figure("wakes_per_s", "the same, wakes/s"),
        ),
        (
            crowsg("sleep", *work),
            gevent("gevent", "sleep", *work),
            gevent("gevent, GC frozen", "sleep-frozen", *work),
        ),
    )


def _removal(
    name: str, manner: str, users: str, grace_s: str, must: float | None = None, aims: float = 0
) -> Benchmark:
    title = f"remove {users} users {manner} the request, {grace_s} s grace, s"
    return Benchmark(
        name,
        (Figure("removed_in_s", title, must, aims if must else None),),
        (
            crowsg(f"remove-{manner}", users, grace_s),
            gevent("gevent, GC off", f"remove-{manner}", users, grace_s),
        ),
    )


def _telemetry(events: str) -> Benchmark:
    return Benchmark(
        "telemetry",
        (
            Figure("bound_unheard_ns", "bound event, no handler, ns", 80, 25),
            Figure("bound_heard_ns", "bound event, one handler, ns", 250, 120),
            Figure("execute_unheard_ns", "telemetry.execute, no handler, ns"),
            Figure("execute_heard_ns", "telemetry.execute, one handler, ns", 600, 450),
        ),
        (Subject("crowsg", ("-m", "contrib.benchmarks.telemetry_cost", "cost", events)),),
    )


def _recording(samples: str) -> Benchmark:
    return Benchmark(
        "recording",
        (
            Figure("observe_ns", "metrics.observe, ns", 600, 300),
            Figure("time_ns", "with metrics.time, ns", 1200, 700),
            Figure("time_since_ns", "with metrics.time(since=), ns"),
            Figure("time_failed_ns", "with metrics.time and fail, ns"),
            Figure("time_labels_ns", "with metrics.time with a label, ns"),
            Figure("count_ns", "metrics.count, ns"),
            Figure("count_labels_ns", "metrics.count with a label, ns"),
            Figure("gauge_ns", "metrics.gauge, ns"),
            Figure("check_ns", "metrics.check, ns"),
        ),
        (
            patched("crowsg", "recording_cost", "cost", samples),
            patched("prometheus_client", "recording_cost", "library", samples),
        ),
    )


def _unlocked(users: str, seconds: str) -> Benchmark:
    return Benchmark(
        "throttle-unlocked",
        (
            Figure("permits_per_s", f"{users} users, no limit, permits/s", 250_000, 500_000, True),
            Figure("wait_us", "uncontended wait, CPU us", 5, 5),
        ),
        (patched("crowsg", "on_throttle", "unlocked", users, seconds),),
    )


def _paced(
    rate: str, users: str, seconds: str, cv: tuple[float | None, float | None] = (None, None)
) -> Benchmark:
    return Benchmark(
        f"throttle-{rate}",
        (
            Figure("mean_percent", f"{rate}/s, {users} users: mean, %", 99.5, 99.5, True),
            Figure("lost_s", "the same, time lost, s"),
            Figure("second_percent", "the same, worst 1 s window, % above", 1.1, 0.3),
            Figure("tenth_percent", "the same, p99.9 of 100 ms windows, % above", 10, 3),
            Figure("cv", "the same, cv of gaps", *cv),
        ),
        (patched("crowsg", "on_throttle", "paced", rate, users, seconds),),
    )


def _scrape(users: str, seconds: str) -> Benchmark:
    return Benchmark(
        "scrape",
        (
            Figure("scrape_ms", f"slowest scrape under {users} users, ms", 100, 100),
            Figure("series", "series in it, a histogram being one"),
            Figure("lines", "lines in it"),
            *_lateness_of_the_watched("scraped each second"),
        ),
        (patched("crowsg", "on_watching", "scrape", users, seconds),),
    )


def _live(users: str, seconds: str) -> Benchmark:
    return Benchmark(
        "live",
        (
            Figure("frame_ms", f"live view of 200 x 60 under {users} users, CPU ms a frame"),
            *_lateness_of_the_watched("shown"),
        ),
        (patched("crowsg", "on_watching", "live", users, seconds),),
    )


def _http(
    name: str,
    page: str,
    users: str,
    seconds: float,
    must: float | None = None,
    aims: float | None = None,
) -> Benchmark:
    work = (users, str(seconds))
    peers = [
        Subject(
            title, ("-m", module_of("on_http_peers"), f"{peer}-{page}", *work), locust, programs
        )
        for title, peer, locust, programs in _HTTP_PEERS
    ]
    title = f"{users} users, {_PAGES[page]}, requests/s"
    return Benchmark(
        name,
        (
            Figure("requests_per_s", title, must, aims, True),
            Figure("p99_ms", "the same, p99, ms"),
            Figure("cpu_us", "the same, CPU us a request"),
        ),
        (replace(patched("crowsg", "on_http", page, *work), programs=("nginx",)), *peers),
    )


def _truth(stop_s: str, period_s: str, stops: str) -> Benchmark:
    def subject(title: str, work: str, needs_locust: bool = True) -> Subject:
        command = ("-m", module_of("truth"), work, stop_s, period_s, stops)
        return Subject(title, command, needs_locust, ("nginx",))

    title = f"a server frozen {stop_s} s in every {period_s} s, 1000 arrivals/s"
    return Benchmark(
        "truth",
        (
            Figure("p50_ms", f"{title}: response p50, ms"),
            Figure("p95_ms", "the same, p95, ms"),
            Figure("p99_ms", "the same, p99, ms"),
            Figure("expected_p50_ms", "expected p50, ms"),
            Figure("expected_p95_ms", "expected p95, ms"),
            Figure("expected_p99_ms", "expected p99, ms"),
            Figure("off_p95_percent", "p95 is off by, %", 5, 5),
            Figure("off_p99_percent", "p99 is off by, %", 3, 3),
            Figure("service_p50_ms", "service p50, ms"),
            Figure("service_p95_ms", "service p95, ms"),
            Figure("service_p99_ms", "service p99, ms"),
            Figure("requests_per_s", "requests/s"),
            Figure("late_ms", "its own lateness, mean, ms"),
            Figure("dropped", "arrivals dropped"),
            Figure("lost_s", "time of the schedule lost, s"),
        ),
        (
            subject("crowsg", "crowsg", False),
            subject("Locust, 20 paced users", "locust-paced"),
            subject("Locust, 20 users without a pause", "locust-no-wait"),
        ),
    )


def _lateness_of_the_watched(how: str) -> tuple[Figure, ...]:
    return (
        Figure("alone_p99_ms", "lateness of users nobody watches, p99, ms"),
        Figure("alone_max_ms", "the same, max, ms"),
        Figure("late_p99_ms", f"the same, {how}, p99, ms"),
        Figure("late_max_ms", f"the same, {how}, max, ms"),
    )
