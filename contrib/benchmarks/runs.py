"""Fresh processes, one after the other, their answers gathered."""

import json
import math
import os
import resource
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import monotonic, sleep  # noqa: TID251 - a plain process, no node

from contrib.benchmarks.measured import Benchmark, Subject
from contrib.benchmarks.nginx import located

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 600
RESTING_CORES = 0.15
"""Other programs that use less count as resting."""

Interpreters = dict[bool, str]
"""Which Python a subject takes, by whether it needs Locust."""

Report = Callable[[str], object]


class Broken(Exception):
    """A benchmark failed or answered nonsense."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle and the ends of one figure over all runs."""

    median: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a benchmark.

    Attributes:
        benchmark: What was measured.
        spreads: By subject's title, then by figure's key; subjects that were skipped are missing.
        others: Cores that other programs used meanwhile, on average over each process.
    """

    benchmark: Benchmark
    spreads: dict[str, dict[str, Spread]]
    others: Spread


def measure(
    benchmark: Benchmark,
    pythons: Interpreters,
    rounds: int,
    report: Report,
    rest_s: float = 0.0,
) -> Outcome:
    """Run all subjects in turn, ``rounds`` times; those that miss something are left out.

    Args:
        benchmark: What is measured.
        pythons: The interpreters there are.
        rounds: How often.
        report: Called with a line for each process that is done.
        rest_s: Seconds to wait at the most, before each process, for other programs to rest.

    Raises:
        Broken: A process failed, crowsg left a figure out, or was left out itself; others give
            the figures they know.
    """
    subjects = [each for each in benchmark.subjects if _is_there(each, pythons, report)]
    if benchmark.subjects[0] not in subjects:
        raise Broken(f"{benchmark.name}: {benchmark.subjects[0].title} cannot be measured here")
    answers: dict[str, list[dict[str, float]]] = {subject.title: [] for subject in subjects}
    others = []
    for done in range(rounds):
        for subject in _due(subjects, done):
            _await_rest(rest_s)
            busy_s, from_s = _busy_elsewhere_s(), monotonic()
            answer = _ask([pythons[subject.needs_locust], *subject.command])
            elsewhere_s = max(0.0, _busy_elsewhere_s() - busy_s)
            others.append(elsewhere_s / (monotonic() - from_s))
            answers[subject.title].append(answer)
            report(f"{benchmark.name}, {subject.title}: {answer}; others {others[-1]:.2f} cores")
    keys = [figure.key for figure in benchmark.figures]
    spreads = {
        title: _spreads(
            [key for key in keys if key in given[0] or title == subjects[0].title], given
        )
        for title, given in answers.items()
    }
    return Outcome(benchmark, spreads, spread(others))


def missing(subject: Subject) -> list[str]:
    """Return the programs a subject needs and that are not installed."""
    return [program for program in subject.programs if located(program) is None]


def spread(values: list[float]) -> Spread:
    """Return the spread of at least one value."""
    return Spread(median(values), min(values), max(values))


def _is_there(subject: Subject, pythons: Interpreters, report: Report) -> bool:
    programs = missing(subject)
    if programs:
        report(f"{subject.title} is left out: no {' and no '.join(programs)} is installed")
    return subject.needs_locust in pythons and not programs


def _due(subjects: list[Subject], done: int) -> list[Subject]:
    """Return those that are measured once more after so many rounds."""
    return [each for each in subjects if each.most_rounds is None or done < each.most_rounds]


def _await_rest(seconds: float) -> None:
    until_s = monotonic() + seconds
    while monotonic() < until_s:
        busy_s = _busy_elsewhere_s()
        sleep(1.0)
        if _busy_elsewhere_s() - busy_s < RESTING_CORES:
            break


def _ask(command: list[str]) -> dict[str, float]:
    try:
        printed = subprocess.run(
            command, cwd=ROOT, stdout=subprocess.PIPE, timeout=PATIENCE_S, check=True
        ).stdout
        answer: dict[str, float] = json.loads(printed)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise Broken(f"{' '.join(command)}: {error}") from error
    return answer


def _spreads(keys: list[str], answers: list[dict[str, float]]) -> dict[str, Spread]:
    for answer in answers:
        if not all(math.isfinite(answer.get(key, math.nan)) for key in keys):
            raise Broken(f"{keys} expected, {answer} given")
    return {key: spread([answer[key] for answer in answers]) for key in keys}


def _busy_elsewhere_s() -> float:
    """Return the processor time that all but this process and its children ever used."""
    fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _waiting, irq, softirq, steal = map(int, fields[:8])
    all_s = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    own = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return all_s - sum(usage.ru_utime + usage.ru_stime for usage in own)
