"""``crowsg run``: a whole run from the command line."""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import click
from gevent.event import Event

from crowsg.background import write_all
from crowsg.cli.fleet import Fleet, fleet_options
from crowsg.cli.joining import name_option, node_name
from crowsg.cli.types import Duration, IdRange, RateType
from crowsg.cli.watching import Watch, watch_options
from crowsg.config.settings import Text
from crowsg.config.sources import from_assignments
from crowsg.controller.machine import MAX_USER_ID
from crowsg.errors import EXIT_ABORTED
from crowsg.health.limits import file_warning
from crowsg.node import Node
from crowsg.one_run import DAY_S, Observer, RunOptions, with_own_settings
from crowsg.rate import Rate
from crowsg.report.announcement import Announcement
from crowsg.report.live import LiveView
from crowsg.report.outlet import Outlet
from crowsg.report.progress import Progress
from crowsg.report.streams import redirected
from crowsg.report.table import print_summary
from crowsg.signals import ended_by
from crowsg.summary import Summary

_EXAMPLE = """\b
Example:
  crowsg run scenarios/messaging.py --users 1000 --user-rate 100/s \\
    --set number_of_neighbours=4 --out results
"""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_STDERR = 2
_DUMB = ("", "dumb", "unknown")
_PATIENCE_S = 1.0

View = LiveView | Progress


@click.command(epilog=_EXAMPLE)
@click.argument("scenario")
@click.option("--users", type=click.IntRange(min=1), help="Users to start (1).")
@click.option("--ids", type=IdRange(), help="Their ids, A-B, instead of --users.")
@click.option("--user-rate", type=RateType(), help="Users started per minute, or as 100/s (1200).")
@click.option(
    "--arrivals", type=RateType(), help="Users without end at this rate; --users caps them at once."
)
@click.option("--duration", type=Duration(), help="End after this time (when users are done).")
@click.option(
    "--max-duration", type=Duration(), default=DAY_S, help="Abort even a forgotten run (24h)."
)
@click.option("--stop-timeout", type=Duration(), help="From asking a user to killing it (2s).")
@click.option("--set", "assignments", multiple=True, metavar="NAME=VALUE", help="A setting.")
@click.option(
    "--config", type=click.Path(path_type=Path, dir_okay=False), help="Settings, a TOML file."
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder for the files of the run, a new one."
)
@fleet_options
@watch_options
@name_option
@click.option("--linger", type=Duration(), help="Serve the final metrics for this time (0s).")
@click.option(
    "--fail-on-saturation", is_flag=True, help="Exit with 98 if crowsg itself was the limit."
)
@click.option("--quiet", is_flag=True, help="No live view and no progress lines.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def run(  # noqa: PLR0913 - an argument is an option
    scenario: str,
    users: int | None,
    ids: tuple[int, int] | None,
    assignments: tuple[str, ...],
    config: Path | None,
    out: Path | None,
    linger: float | None,
    fail_on_saturation: bool,
    quiet: bool,
    as_json: bool,
    fleet: Fleet | None,
    watch: Watch,
    name: str | None,
    user_rate: Rate | None,
    arrivals: Rate | None,
    duration: float | None,
    max_duration: float,
    stop_timeout: float | None,
) -> int:
    """Run SCENARIO, a file or a module name on the code paths, and sum it up.

    The run ends when all users are done, when --duration is over, or on Ctrl-C: once for a graceful
    end, twice for an end at once.

    With --arrivals each arrival is a user of its own, an open model: it ends after --duration or on
    Ctrl-C, and who finds --users others there never starts.

    With --nodes the users are carried by worker processes of this machine, with --expect-nodes by
    nodes that join this one (crowsg node --join); this process leads the run and carries none.

    Meanwhile Prometheus can scrape it: CROWSG_PROMETHEUS_HOST and CROWSG_PROMETHEUS_PORT say where,
    127.0.0.1:9464 or the next free port by default.
    """
    _refuse_what_excludes_another(users, ids, user_rate, arrivals)
    given = {name: Text(text) for name, text in from_assignments(assignments).items()}
    asked = RunOptions(
        scenario,
        *(ids or (1, users or (MAX_USER_ID if arrivals else 1))),
        with_own_settings(given, arrivals or user_rate, stop_timeout),
        duration,
        max_duration,
        fail_on_saturation,
        arrivals is not None,
        fleet.on_node_loss if fleet else "keep",
    )
    with watch.node(node_name(name, "crowsg"), config) as node:
        at_once = (users or 0) if arrivals else asked.last_id + 1 - asked.first_id
        if warning := file_warning(at_once, node.file_limit):
            click.echo(f"warning: {warning}", err=True)
        summary = _execute(node, asked, fleet, watch, out, quiet)
        with _lingering(linger):
            _print(summary, as_json)
    return summary.exit_code or 0


def _refuse_what_excludes_another(
    users: int | None, ids: tuple[int, int] | None, user_rate: Rate | None, arrivals: Rate | None
) -> None:
    if users is not None and ids is not None:
        raise click.UsageError("give --users or --ids, not both")
    if arrivals is None:
        return
    if ids is not None or user_rate is not None:
        raise click.UsageError("--arrivals goes with --users, not with --ids or --user-rate")
    if arrivals.is_unlimited or arrivals.is_parallel:
        raise click.UsageError("--arrivals needs a rate in time, such as 100/s")


def _execute(
    node: Node,
    asked: RunOptions,
    fleet: Fleet | None,
    watch: Watch,
    out: Path | None,
    quiet: bool,
) -> Summary:
    told = f"metrics: http://{node.serve_metrics()}/metrics"
    if fleet is None:
        return _run(node, asked, out, quiet, told)
    with fleet.joined(node, quiet, watch) as station:
        told = f"{told}\ncluster: {station.address}"
        return _run(node, asked, out, quiet, told, over_cluster=True)


def _run(
    node: Node,
    asked: RunOptions,
    out: Path | None,
    quiet: bool,
    told: str,
    *,
    over_cluster: bool = False,
) -> Summary:
    observers: list[Observer] = []
    if out is not None:
        observers.append(node.results(out, over_cluster=over_cluster))
    # Without a stderr, its descriptor may by now be anything else's.
    quiet = quiet or sys.stderr is None
    view = _view(str(asked.scenario), quiet)
    if not quiet:
        say = partial(click.echo, err=True)
        observers += [Announcement(say, told), view]
    one_run = node.one_run(asked, observers, over_cluster=over_cluster)
    end_at_once = partial(_exit_at_once, view.last_words)
    with ended_by(_SIGNALS, one_run.interrupt, end_at_once), _printed_by(view.outlet):
        return one_run.execute()


def _view(title: str, quiet: bool) -> View:
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    if quiet or not sys.stderr.isatty() or os.environ.get("TERM", "") in _DUMB:
        return Progress(partial(write_all, _STDERR), encoding)
    return LiveView(title, _STDERR, encoding, has_colours=not os.environ.get("NO_COLOR"))


@contextmanager
def _printed_by(outlet: Outlet) -> Iterator[None]:
    """Let nothing that is printed inside the block wait for whoever reads stderr."""
    printed: tuple[str, ...] = ()
    try:
        with redirected(_STDERR, outlet.print) as printed:
            yield
    finally:
        # What comes next on stdout would have to wait for them anyway.
        while not outlet.close(_PATIENCE_S) and "stdout" in printed:
            pass


def _print(summary: Summary, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(summary.as_dict(), indent=2, allow_nan=False))
    else:
        print_summary(summary)
    if sys.stdout is not None:
        sys.stdout.flush()


@contextmanager
def _lingering(seconds: float | None) -> Iterator[None]:
    """Let the final metrics be scraped, until the time is over or somebody has enough."""
    if not seconds:
        yield
        return
    enough = Event()
    # From before the summary is printed: who has read it may have enough at once.
    with ended_by(_SIGNALS, enough.set, _exit_at_once):
        yield
        enough.wait(seconds)


def _exit_at_once(last_words: Callable[[], bytes] = bytes) -> None:
    """End the process, and say something before, if that takes no more than a second."""
    signal.signal(signal.SIGALRM, lambda *_: os._exit(EXIT_ABORTED))
    signal.setitimer(signal.ITIMER_REAL, _PATIENCE_S)
    with suppress(OSError):
        write_all(_STDERR, last_words())
    os._exit(EXIT_ABORTED)
