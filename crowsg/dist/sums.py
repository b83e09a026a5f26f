"""Sums over nodes: of numbers, users, names, failures. Pure.

Beyond 200 names of a kind over all nodes the rest is kept as ``__other__``, as on each of them.
"""

import math
from collections.abc import Container, Iterable, Mapping, Sized
from dataclasses import fields, replace
from typing import Any, Protocol, TypeVar

from crowsg.dist.forms import ThrottleCounts
from crowsg.metrics.failures import FailureGroup
from crowsg.metrics.names import MAX_NAMES, OTHER, Key
from crowsg.rate import Rate
from crowsg.throttle.info import ThrottleInfo
from crowsg.users.counts import UserCounts

Name = TypeVar("Name")
Value = TypeVar("Value")

_UNKNOWN = ThrottleInfo(Rate.UNLIMITED, False, 0, 0, 0, 0, 0, 0.0, None)


class Known(Container[Any], Sized, Protocol):
    """Names that are kept already."""


def kept(name: Name, known: Known, other: Name) -> Name:
    """Return what a name is kept under: itself while there is room, otherwise ``other``."""
    return name if name in known or len(known) < MAX_NAMES else other


def gathered(nodes: Iterable[Mapping[Key, Value]]) -> dict[Key, list[Value]]:
    """Return the values of all nodes by name."""
    values: dict[Key, list[Value]] = {}
    for named in nodes:
        for name, value in named.items():
            values.setdefault(kept(name, values, OTHER), []).append(value)
    return values


def total(values: Iterable[float]) -> float:
    """Return the sum: exact for whole numbers, correctly rounded for others."""
    summands = list(values)
    if all(type(value) is int for value in summands):
        return sum(summands)
    try:
        return math.fsum(summands)
    except (OverflowError, ValueError):
        # Beyond the largest float, or of both infinities: as adding them up tells.
        return sum(map(float, summands))


def sum_of_users(nodes: Iterable[UserCounts]) -> UserCounts:
    """Return the users of all nodes."""
    counts = list(nodes)
    return UserCounts(
        **{
            field.name: sum(getattr(each, field.name) for each in counts)
            for field in fields(UserCounts)
        }
    )


def sum_of_throttles(
    nodes: Iterable[Mapping[str, ThrottleCounts]], own: Mapping[str, ThrottleInfo]
) -> dict[str, ThrottleInfo]:
    """Return throttles with the counts of all nodes.

    Args:
        nodes: What each node counted, by name of the throttle.
        own: The throttles as their owner knows them, whose rates, pauses and ramps count. What it
            does not know has no limit, as far as can be told.
    """
    sums = {
        name: replace(_UNKNOWN, rate=info.rate, is_paused=info.is_paused, progress=info.progress)
        for name, info in own.items()
    }
    for counted in nodes:
        for name, counts in counted.items():
            key = kept(name, sums, OTHER)
            sums[key] = counts.added_to(sums.get(key, _UNKNOWN))
    return sums


def sum_of_failures(groups: Iterable[FailureGroup]) -> tuple[FailureGroup, ...]:
    """Return groups of one kind and template as one, the most frequent first."""
    sums: dict[tuple[str, str], FailureGroup] = {}
    for group in groups:
        key = kept((group.kind, group.template), sums, (OTHER, OTHER))
        before = sums.get(key)
        sums[key] = _both(before, group) if before else replace(group, kind=key[0], template=key[1])
    return tuple(sorted(sums.values(), key=lambda group: -group.count))


def sum_of_kinds(operations: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return failures of one operation by kind."""
    sums: dict[str, int] = {}
    for kinds in operations:
        for kind, count in kinds.items():
            key = kept(kind, sums, OTHER)
            sums[key] = sums.get(key, 0) + count
    return sums


def _both(before: FailureGroup, group: FailureGroup) -> FailureGroup:
    return replace(
        before,
        count=before.count + group.count,
        first_s=min(before.first_s, group.first_s),
        last_s=max(before.last_s, group.last_s),
        # Of the first of all.
        sample=before.sample if before.first_s <= group.first_s else group.sample,
    )
