"""The summary of a run for people."""

from collections.abc import Iterator, Mapping, Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from crowsg.metrics.figures import Latency
from crowsg.report.spelling import duration, shortened, size
from crowsg.summary import DEAD, NodeSummary, Summary

_MAX_ERRORS = 10
_MAX_SAMPLE = 200


def print_summary(summary: Summary) -> None:
    """Write the summary to stdout."""
    console = Console(highlight=False, emoji=False)
    console.print(
        f"\n[bold]{escape(summary.scenario)}[/bold]  {escape(summary.exit_reason)} after "
        f"{summary.duration_s:.1f} s"
    )
    console.print(_users(summary))
    if summary.operations:
        console.print(_operations(summary))
    for title, numbers in (("counter", summary.counters), ("gauge", summary.gauges)):
        if numbers:
            console.print(_numbers(title, numbers))
    if summary.checks:
        console.print(_checks(summary))
    if summary.errors:
        console.print(_errors(summary))
    if len(summary.nodes) > 1:
        console.print(_nodes(summary.nodes))
    console.print(_generator(summary))
    for text in _troubles(summary):
        console.print(escape(text), style="red")


def _users(summary: Summary) -> Table:
    table = _table("users", "")
    for name, number in summary.users.as_dict().items():
        if number or name in ("asked", "finished", "failed"):
            table.add_row(name, str(number))
    return table


def _operations(summary: Summary) -> Table:
    table = _columns("operation", "ok", "failed", "cut", "per s", "p50", "p95", "p99", "max")
    for name, each in summary.operations.items():
        counts = (f"{each.ok}", f"{each.failed}", f"{each.interrupted}", f"{each.rate_per_s:.1f}")
        table.add_row(escape(name), *counts, *_latency(each.service))
        if each.response is not None or each.dropped:
            dropped = f", {each.dropped} dropped" if each.dropped else ""
            table.add_row(f"  response{dropped}", *[""] * 4, *_latency(each.response))
    return table


def _latency(latency: Latency | None) -> tuple[str, ...]:
    if latency is None:
        return ("", "", "", "")
    return tuple(map(duration, (latency.p50, latency.p95, latency.p99, latency.max)))


def _numbers(title: str, numbers: Mapping[str, float]) -> Table:
    table = _table(title, "")
    for name, number in sorted(numbers.items()):
        table.add_row(escape(name), f"{number:g}" if isinstance(number, float) else str(number))
    return table


def _checks(summary: Summary) -> Table:
    table = _columns("check", "passed", "failed")
    for name, (passed, failed) in summary.checks.items():
        table.add_row(escape(name), str(passed), str(failed))
    return table


def _errors(summary: Summary) -> Table:
    table = _columns("error", "count")
    for group in summary.errors[:_MAX_ERRORS]:
        table.add_row(escape(shortened(group.sample, _MAX_SAMPLE)), str(group.count))
    hidden = summary.errors[_MAX_ERRORS:]
    if hidden:
        count = sum(group.count for group in hidden)
        table.add_row(f"... and {len(hidden)} more kinds", str(count))
    return table


def _nodes(nodes: Sequence[NodeSummary]) -> Table:
    table = _columns("node", "state", "started", "running", "ended", "cpu", "lag p99", "limit")
    for each in nodes:
        users, health = each.users, each.health
        counts = (users.started, users.running, users.started - users.running)
        lag = "" if health.loop_lag is None else duration(health.loop_lag.p99)
        limit = f"[red]{health.saturated_s:.0f} s[/red]" if health.saturated_s else ""
        state = f"[red]{each.state}[/red]" if each.state == DEAD else each.state
        cpu = f"{health.cpu_mean:.0%}"
        table.add_row(escape(each.name), state, *map(str, counts), cpu, lag, limit)
    return table


def _troubles(summary: Summary) -> Iterator[str]:
    for node in summary.nodes:
        for from_s, to_s in node.gaps:
            yield f"{node.name}: counts up to {from_s:.1f} s, given up at {to_s:.1f} s"
    for stall in summary.health.stalls:
        yield f"the event loop was blocked for {duration(stall.seconds)} by {stall.place}"


def _generator(summary: Summary) -> str:
    health = summary.health
    lag = f", lag p99 {duration(health.loop_lag.p99)}" if health.loop_lag is not None else ""
    used = f"cpu {health.cpu_mean:.0%}, at most {health.cpu_max:.0%}{lag}"
    text = f"generator: {used}, {size(health.resident_bytes)}, {health.open_files} files"
    if not health.saturated_s:
        return text
    return (
        f"{text}\n[red]it was the limit for {health.saturated_s:.0f} s[/red]: what users measured "
        "then is in part its own delay"
    )


def _table(name: str, number: str) -> Table:
    table = _columns(name, number)
    table.columns[0].min_width, table.columns[1].min_width = 16, 10
    return table


def _columns(name: str, *numbers: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column(name)
    for number in numbers:
        table.add_column(number, justify="right")
    return table
