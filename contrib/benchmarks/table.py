"""Outcomes as a Markdown table."""

from contrib.benchmarks.measured import Figure
from contrib.benchmarks.runs import Outcome, Spread

OURS = "crowsg"
_HEAD = "| measured | must | aims | crowsg | verdict | beside it |\n|---|---|---|---|---|---|"


def table(outcomes: list[Outcome]) -> str:
    """Return every figure of every outcome, a line each."""
    lines = [line for outcome in outcomes for line in _lines(outcome)]
    return "\n".join([_HEAD, *lines])


def verdict(figure: Figure, value: float) -> str:
    """Return how far crowsg came."""
    if figure.must is None or figure.aims is None:
        return ""
    for bound, word in ((figure.aims, "aim met"), (figure.must, "met")):
        if value >= bound if figure.more_is_better else value <= bound:
            return word
    return "**missed**"


def _lines(outcome: Outcome) -> list[str]:
    lines = []
    for figure in outcome.benchmark.figures:
        ours = outcome.spreads[OURS][figure.key]
        peers = "; ".join(
            f"{title}: {_spread(given[figure.key])}"
            for title, given in outcome.spreads.items()
            if title != OURS and figure.key in given
        )
        bounds = f"{_bound(figure.must)} | {_bound(figure.aims)}"
        judged = verdict(figure, ours.median)
        lines.append(f"| {figure.title} | {bounds} | {_spread(ours)} | {judged} | {peers} |")
    return lines


def _spread(spread: Spread) -> str:
    return f"{_number(spread.median)} ({_number(spread.least)}-{_number(spread.most)})"


def _bound(value: float | None) -> str:
    return "-" if value is None else _number(value)


def _number(value: float) -> str:
    """Write three digits that count, more of a large number."""
    if abs(value) >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}"
