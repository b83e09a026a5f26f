"""The same page got by others: ``PEER-KIND USERS SECONDS``; Locust by the interpreter that has it.

A peer's figures are those it prints. Its processor time is measured here, Locust's by itself, as
most of it would be its start.
"""

import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from functools import partial

from contrib.benchmarks.nginx import cores, nginx
from contrib.benchmarks.sleepers import answer

_UNITS_MS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


def wrk(url: str, users: int, seconds: float) -> dict[str, float]:
    """Run wrk."""
    # It knows whole seconds only.
    period = f"-d{max(1, round(seconds))}s"
    printed, spent_s = _run(["wrk", "-t1", f"-c{users}", period, "--latency", url])
    number, unit = _found(r"99%\s+([\d.]+)(us|ms|s)", printed)
    (count,) = _found(r"(\d+) requests in", printed)
    return _figures(printed, float(number) * _UNITS_MS[unit], spent_s / int(count))


def hey(url: str, users: int, seconds: float) -> dict[str, float]:
    """Run hey."""
    period = ["-z", f"{seconds}s", "-c", str(users)]
    printed, spent_s = _run(["hey", "-cpus", "1", *period, url])
    (p99_s,) = _found(r"99% in ([\d.]+) secs", printed)
    (count,) = _found(r"\[200\]\s+(\d+) responses", printed)
    return _figures(printed, float(p99_s) * 1e3, spent_s / int(count))


def locust(url: str, users: int, seconds: float) -> dict[str, float]:
    """Run Locust's FastHttpUser."""
    module = "contrib.benchmarks.on_locust_http"
    printed, _ = _run([sys.executable, "-m", module, url, str(users), str(seconds), "0"])
    told: dict[str, float] = json.loads(printed)
    return {key: told[key] for key in ("requests_per_s", "p99_ms", "cpu_us")}


PEERS = {"wrk": wrk, "hey": hey, "locust": locust}

Peer = Callable[[str, int, float], dict[str, float]]


def load(peer: Peer, kind: str, users: float, seconds: float) -> dict[str, float]:
    """Let a peer get a page of that kind."""
    server_core, own_core = cores()
    with nginx(tls=kind == "tls", core=server_core) as server:
        os.sched_setaffinity(0, {own_core})
        address, path = server.page(kind)
        return peer(address + path, int(users), seconds)


def _run(command: list[str]) -> tuple[str, float]:
    """Return what it prints and the processor time it took."""
    # nginx is a child too, but one that is not waited for yet does not count.
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    printed = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return printed, spent_s


def _figures(printed: str, p99_ms: float, cpu_s: float) -> dict[str, float]:
    (rate,) = _found(r"Requests/sec:\s+([\d.]+)", printed)
    return {"requests_per_s": float(rate), "p99_ms": p99_ms, "cpu_us": cpu_s * 1e6}


def _found(pattern: str, printed: str) -> tuple[str, ...]:
    found = re.search(pattern, printed)
    if found is None:
        raise SystemExit(f"no {pattern!r} in {printed}")
    return found.groups()


if __name__ == "__main__":
    answer(
        {
            f"{name}-{kind}": partial(load, peer, kind)
            for name, peer in PEERS.items()
            for kind in ("small", "large", "tls")
        }
    )
