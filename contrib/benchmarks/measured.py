"""Benchmarks, what they measure, and whom."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that every subject of a benchmark may answer with.

    Attributes:
        key: Its name in the answers.
        title: Its name in the table, with the unit.
        must: What crowsg must reach, None where nothing is asked.
        aims: What crowsg aims for.
        more_is_better: Whether ``must`` is a lower bound.
    """

    key: str
    title: str
    must: float | None = None
    aims: float | None = None
    more_is_better: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """A process that is measured.

    Attributes:
        title: Its column in the table.
        command: What follows ``python``.
        needs_locust: Whether it takes the interpreter that has Locust.
        programs: Others that it needs; it is left out where one is not installed.
        most_rounds: How often it is measured at the most; None for as often as the others.
    """

    title: str
    command: tuple[str, ...]
    needs_locust: bool = False
    programs: tuple[str, ...] = ()
    most_rounds: int | None = None


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Figures of the same work done by several subjects, crowsg first."""

    name: str
    figures: tuple[Figure, ...]
    subjects: tuple[Subject, ...]

    @property
    def needs_servers(self) -> bool:
        """Whether crowsg itself needs a program that is not its own."""
        return bool(self.subjects[0].programs)


def patched(title: str, module: str, *arguments: str) -> Subject:
    """Return a module in a process that is patched as ``crowsg run`` patches its own."""
    return Subject(title, ("-m", "gevent.monkey", "--module", module_of(module), *arguments))


def module_of(name: str) -> str:
    """Return what a module of the benchmarks is called."""
    return f"contrib.benchmarks.{name}"
