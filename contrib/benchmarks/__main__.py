"""``python -m contrib.benchmarks``: measure and print the table."""

import argparse
import importlib.util
import platform
import sys
from datetime import UTC, datetime

from contrib.benchmarks.catalogue import FULL, SMOKE, catalogue
from contrib.benchmarks.measured import Benchmark
from contrib.benchmarks.runs import Broken, Interpreters, measure, missing
from contrib.benchmarks.table import table


def main() -> None:
    """Do what the command line asks for; a benchmark that breaks is exit code 1."""
    options = _options()
    pythons: Interpreters = {False: sys.executable}
    if options.locust:
        pythons[True] = options.locust
    else:
        _say("Locust is skipped: --locust PYTHON names an interpreter that has it")
    benchmarks = catalogue(SMOKE if options.smoke else FULL)
    chosen = [each for each in benchmarks if _is_chosen(each, options.names)]
    rounds = 1 if options.smoke else options.repeat
    try:
        outcomes = [measure(benchmark, pythons, rounds, _say, options.rest) for benchmark in chosen]
    except Broken as error:
        raise SystemExit(f"broken: {error}") from None
    print(f"{_machine()}; median (least-most) of {rounds}\n\n{table(outcomes)}\n")
    for outcome in outcomes:
        others = outcome.others
        print(f"{outcome.benchmark.name}: others used {others.median:.2f} cores", end="")
        print(f" ({others.least:.2f}-{others.most:.2f})")


def _is_chosen(benchmark: Benchmark, names: list[str]) -> bool:
    """Whether it was named, or, where none was, can be run here."""
    programs = missing(benchmark.subjects[0])
    if programs and not names:
        _say(f"{benchmark.name} is skipped: no {' and no '.join(programs)} is installed")
    return benchmark.name in names if names else not programs


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m contrib.benchmarks", description=__doc__)
    names = [benchmark.name for benchmark in catalogue(FULL)]
    # Not ``choices``: with it argparse refuses the empty list.
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(names)}")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, once: do they work?")
    parser.add_argument("--repeat", type=int, default=5, metavar="N", help="runs of each (5)")
    parser.add_argument(
        "--rest", type=float, default=0.0, metavar="S", help="wait up to S for a quiet machine (0)"
    )
    own = sys.executable if importlib.util.find_spec("locust") else None
    parser.add_argument("--locust", default=own, metavar="PYTHON", help="has Locust installed")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(names))
    if unknown:
        parser.error(f"no such benchmark: {', '.join(unknown)}")
    return options


def _machine() -> str:
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"{now}; Python {platform.python_version()}; {platform.platform(terse=True)}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
