"""What a scenario says of its metrics beforehand: a series name, a help text, fixed labels."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from crowsg.errors import InvalidMetric
from crowsg.metrics.names import MAX_NAMES
from crowsg.text import line_of

Kind = Literal["counter", "gauge", "operation"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,199}\Z")
_LABEL = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*\Z")
_OWN_LABELS = frozenset({"le", "name", "operation", "outcome"})
_OWN_PREFIXES = ("crowsg_", "process_", "python_")
_SUFFIXES = {"counter": "_total", "gauge": "", "operation": "_seconds"}
# Prometheus reads these as parts of other series.
_RESERVED_SUFFIXES = ("_total", "_bucket", "_count", "_sum", "_created", "_info")


@dataclass(frozen=True, slots=True)
class Declaration:
    """One declared metric.

    Attributes:
        kind: What records into it.
        name: What the scenario calls it.
        help: What it tells, for readers of the series.
        labels: The labels of every sample.
    """

    kind: Kind
    name: str
    help: str
    labels: tuple[str, ...]

    @property
    def series(self) -> str:
        """The name Prometheus knows it by."""
        return self.name.removesuffix(_SUFFIXES[self.kind]) + _SUFFIXES[self.kind]


class Declarations:
    """The declarations of one run, by name."""

    def __init__(self) -> None:
        self._declared: dict[str, Declaration] = {}

    def clear(self) -> None:
        """Forget them."""
        self._declared.clear()

    def add(
        self, kind: Kind, name: str, help: str, labels: Iterable[str], recorded: Iterable[str] = ()
    ) -> Declaration | None:
        """Declare a metric; see ``metrics.declare``.

        Args:
            kind: What records into it.
            name: What the scenario calls it.
            help: What it tells.
            labels: The labels of every sample.
            recorded: Names that have samples already.

        Returns:
            The declaration, None where it was known already.
        """
        new = Declaration(kind, name, line_of(help), _names_of(labels))
        if problems := list(_problems(new)):
            raise InvalidMetric(name, problems)
        known = self._declared.get(name)
        if known == new:
            return None
        if known is not None:
            raise InvalidMetric(name, [f"it was declared before, as {_described(known)}"])
        if len(self._declared) >= MAX_NAMES:
            raise InvalidMetric(name, [f"{MAX_NAMES} are declared: does the name carry an id?"])
        if name in recorded:
            raise InvalidMetric(name, ["declare it before the first sample, in init"])
        for other in self._declared.values():
            if other.series == new.series:
                raise InvalidMetric(name, [f"{other.name} has the series {new.series} already"])
        self._declared[name] = new
        return new

    def of(self, kind: Kind, name: str) -> Declaration | None:
        """Return the declaration that samples of this kind and name follow, None for none."""
        declared = self._declared.get(name)
        return declared if declared is not None and declared.kind == kind else None

    def check(self, kind: Kind, name: str, labels: tuple[str, ...]) -> None:
        """Refuse a sample that its declaration does not provide for.

        Raises:
            InvalidMetric: It is declared otherwise, or a label cannot be one.
        """
        problems = list(_label_problems(labels))
        declared = self._declared.get(name)
        if declared is not None and (declared.kind != kind or set(declared.labels) != set(labels)):
            asked = _described(Declaration(kind, name, "", labels))
            problems.append(f"it is declared as {_described(declared)}, and recorded as {asked}")
        if problems:
            raise InvalidMetric(name, problems)

    def __iter__(self) -> Iterator[Declaration]:
        return iter(self._declared.values())


def _names_of(labels: Iterable[str]) -> tuple[str, ...]:
    return (labels,) if isinstance(labels, str) else tuple(labels)


def _described(declared: Declaration) -> str:
    labels = f" with {', '.join(map(str, declared.labels))}" if declared.labels else ""
    return f"{declared.kind}{labels}"


def _problems(declared: Declaration) -> Iterator[str]:
    name, kind = declared.name, declared.kind
    is_kind = kind in get_args(Kind)
    is_name = isinstance(name, str) and _NAME.match(name) is not None
    if not is_kind:
        yield f"a kind is one of {', '.join(get_args(Kind))}, not {kind!r:.60}"
    if not is_name:
        yield "a name is at most 200 small letters, digits and _, and begins with a letter"
    elif name.startswith(_OWN_PREFIXES):
        yield f"names that begin with {', '.join(_OWN_PREFIXES)} are crowsg's own"
    if is_kind and is_name and name.removesuffix(_SUFFIXES[kind]).endswith(_RESERVED_SUFFIXES):
        yield f"a {kind} cannot end like that: {', '.join(_RESERVED_SUFFIXES)} mean other things"
    if not declared.help:
        yield "the help text is empty"
    if any(label in declared.labels[:at] for at, label in enumerate(declared.labels)):
        yield "a label is there twice"
    yield from _label_problems(declared.labels)


def _label_problems(labels: tuple[str, ...]) -> Iterator[str]:
    for label in labels:
        if not isinstance(label, str) or not _LABEL.match(label) or label in _OWN_LABELS:
            yield (
                f"{label!r:.60} is no label: one is of letters, digits and _, begins with a letter "
                f"and is none of {', '.join(sorted(_OWN_LABELS))}"
            )
