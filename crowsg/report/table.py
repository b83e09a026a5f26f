"""The summary of a run for people, or for programs."""

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from crowsg.summary import Summary

_MAX_ERRORS = 10
_MAX_SAMPLE = 200


def print_summary(summary: Summary) -> None:
    """Write the summary to stdout."""
    console = Console(highlight=False)
    console.print(
        f"\n[bold]{escape(summary.scenario)}[/bold]  {escape(summary.exit_reason)} after "
        f"{summary.duration_s:.1f} s"
    )
    console.print(_users(summary))
    if summary.counters:
        console.print(_counters(summary))
    if summary.errors:
        console.print(_errors(summary))


def _users(summary: Summary) -> Table:
    table = _table("users", "")
    for name, number in summary.users.as_dict().items():
        if number or name in ("asked", "finished", "failed"):
            table.add_row(name, str(number))
    return table


def _counters(summary: Summary) -> Table:
    table = _table("counter", "")
    for name, number in sorted(summary.counters.items()):
        table.add_row(escape(name), f"{number:g}" if isinstance(number, float) else str(number))
    return table


def _errors(summary: Summary) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("error")
    table.add_column("count", justify="right")
    for group in summary.errors[:_MAX_ERRORS]:
        table.add_row(escape(_short(group.sample)), str(group.count))
    hidden = summary.errors[_MAX_ERRORS:]
    if hidden:
        count = sum(group.count for group in hidden)
        table.add_row(f"... and {len(hidden)} more kinds", str(count))
    return table


def _short(sample: str) -> str:
    """Keep kind, beginning of the text, and the place it came from."""
    if len(sample) <= _MAX_SAMPLE:
        return sample
    place = sample.rpartition(" (")[2]
    return f"{sample[: _MAX_SAMPLE - len(place)]}... ({place}"


def _table(name: str, number: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column(name, min_width=16)
    table.add_column(number, justify="right", min_width=10)
    return table
