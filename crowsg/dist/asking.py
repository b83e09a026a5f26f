"""Asking many nodes at once: each on a greenlet of its own, every answer and every failure kept."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import gevent

from crowsg.errors import CrowsgError, PartialFailure

Answer = TypeVar("Answer")
Told = TypeVar("Told")


@dataclass(slots=True)
class Answers(Generic[Answer]):
    """What became of a question to several nodes.

    Attributes:
        results: What each node that answered returned, by its name.
        failures: What asking each of the others raised, by its name.
    """

    results: dict[str, Answer] = field(default_factory=dict)
    failures: dict[str, Exception] = field(default_factory=dict)

    def saying(self, told: Mapping[str, Told]) -> "Answers[Told]":
        """Return these with other results: what is told of each node that answered."""
        return Answers({name: told[name] for name in self.results}, self.failures)

    def required(self, call: str) -> dict[str, Answer]:
        """Return the results of all nodes.

        Raises:
            CrowsgError: All nodes failed of the same; that is it.
            PartialFailure: Some failed, or each of something else.
        """
        if not self.failures:
            return self.results
        errors = list(self.failures.values())
        told = {(type(error), str(error)) for error in errors}
        if not self.results and len(told) == 1 and isinstance(errors[0], CrowsgError):
            raise errors[0]
        raise PartialFailure(call, self.results, self.failures)


def ask_all(
    spawn: Callable[..., Any], nodes: Iterable[str], ask: Callable[[str], Answer]
) -> Answers[Answer]:
    """Ask nodes at the same time.

    Args:
        spawn: Starts a function on a greenlet of this node.
        nodes: Whom.
        ask: Asks one of them, by its name.

    Blocks: until each has answered or failed.
    """
    answers: Answers[Answer] = Answers()

    def ask_one(node: str) -> None:
        try:
            answers.results[node] = ask(node)
        except Exception as error:  # noqa: BLE001 - kept for the caller
            answers.failures[node] = error

    names = list(nodes)
    asking = [spawn(ask_one, node) for node in names]
    try:
        gevent.joinall(asking)
    finally:
        # Whoever asks may be killed: nobody asks on for it, as it may be taking all of it back.
        gevent.killall(asking, block=False)
    return Answers(_in_order(names, answers.results), _in_order(names, answers.failures))


def _in_order(names: list[str], values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}
