"""A scrape as Prometheus' own parser reads it."""

from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from crowsg.exporter.recorded import recorded
from crowsg.node import Node


@dataclass(frozen=True, slots=True)
class Distribution:
    """One histogram: how many samples lie at or below each limit, how many in all, their sum."""

    buckets: dict[float, float]
    count: float
    sum: float


class Scrape:
    """The series of one text; no two of them, and no two families, may be the same."""

    def __init__(self, pieces: str | Iterable[str]) -> None:
        self.text = "".join(pieces)
        self.families: dict[str, Metric] = {}
        self._values: dict[str, dict[frozenset[tuple[str, str]], float]] = {}
        for family in text_string_to_metric_families(self.text):
            assert family.name not in self.families, f"{family.name} stands in two places"
            self.families[family.name] = family
            for sample in family.samples:
                series = self._values.setdefault(sample.name, {})
                labels = frozenset(sample.labels.items())
                assert labels not in series, f"{sample.name} {sample.labels} stands there twice"
                series[labels] = sample.value

    def value(self, name: str, /, **labels: str) -> float:
        """Return the value of just this series."""
        return self._values[name][frozenset(labels.items())]

    def labels(self, name: str) -> list[dict[str, str]]:
        """Return the labels of all series of a name."""
        return [dict(labels) for labels in self._values.get(name, ())]

    def by(self, label: str, name: str) -> dict[str, float]:
        """Return the values of a name by one of its labels."""
        return {dict(labels)[label]: value for labels, value in self._values[name].items()}

    def distribution(self, name: str, /, **labels: str) -> Distribution:
        """Return the histogram with just these labels."""
        wanted = set(labels.items())
        buckets = {
            float(le): value
            for found, value in self._values[f"{name}_bucket"].items()
            if (le := dict(found)["le"]) and found - {("le", le)} == wanted
        }
        count, total = self.value(f"{name}_count", **labels), self.value(f"{name}_sum", **labels)
        return Distribution(buckets, count, total)


def recorded_by(node: Node) -> Scrape:
    """Return the series of what a node has recorded so far."""
    return Scrape(recorded(node.recorder, node.throttles))
