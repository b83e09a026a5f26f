"""``crowsg run``: a whole run from the command line."""

import json
import os
import signal
import sys
from pathlib import Path

import click

from crowsg.cli.types import Duration, IdRange, RateType
from crowsg.config.settings import Text
from crowsg.config.sources import from_assignments
from crowsg.errors import EXIT_ABORTED
from crowsg.health.limits import file_warning
from crowsg.node import Node
from crowsg.one_run import DAY_S, RunOptions, with_own_settings
from crowsg.rate import Rate
from crowsg.report.progress import Progress
from crowsg.report.table import print_summary
from crowsg.signals import ended_by

_EXAMPLE = """\b
Example:
  crowsg run scenarios/messaging.py --users 1000 --user-rate 100/s \\
    --set number_of_neighbours=4
"""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@click.command(epilog=_EXAMPLE)
@click.argument("scenario")
@click.option("--users", type=click.IntRange(min=1), help="Users to start (1).")
@click.option("--ids", type=IdRange(), help="Their ids, A-B, instead of --users.")
@click.option("--user-rate", type=RateType(), help="Users started per minute, or as 100/s (1200).")
@click.option("--duration", type=Duration(), help="End after this time (when users are done).")
@click.option(
    "--max-duration", type=Duration(), default=DAY_S, help="Abort even a forgotten run (24h)."
)
@click.option("--stop-timeout", type=Duration(), help="From asking a user to killing it (2s).")
@click.option("--set", "assignments", multiple=True, metavar="NAME=VALUE", help="A setting.")
@click.option(
    "--config", type=click.Path(path_type=Path, dir_okay=False), help="Settings, a TOML file."
)
@click.option("--quiet", is_flag=True, help="No progress lines.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def run(  # noqa: PLR0913 - an argument is an option
    scenario: str,
    users: int | None,
    ids: tuple[int, int] | None,
    assignments: tuple[str, ...],
    config: Path | None,
    quiet: bool,
    as_json: bool,
    user_rate: Rate | None,
    duration: float | None,
    max_duration: float,
    stop_timeout: float | None,
) -> int:
    """Run SCENARIO, a file or a module name on the code paths, and sum it up.

    The run ends when all users are done, when --duration is over, or on Ctrl-C: once for a graceful
    end, twice for an end at once.
    """
    if users is not None and ids is not None:
        raise click.UsageError("give --users or --ids, not both")
    first_id, last_id = ids or (1, users or 1)
    given = {name: Text(text) for name, text in from_assignments(assignments).items()}
    asked = RunOptions(
        scenario,
        first_id,
        last_id,
        with_own_settings(given, user_rate, stop_timeout),
        duration,
        max_duration,
    )
    progress = None if quiet else Progress(sys.stderr)
    with Node(settings_file=config) as node:
        if warning := file_warning(last_id + 1 - first_id, node.file_limit):
            click.echo(f"warning: {warning}", err=True)
        one_run = node.one_run(asked, progress)
        with ended_by(_SIGNALS, one_run, lambda: os._exit(EXIT_ABORTED)):
            summary = one_run.execute()
    if as_json:
        click.echo(json.dumps(summary.as_dict(), indent=2, allow_nan=False))
    else:
        print_summary(summary)
    return summary.exit_code
