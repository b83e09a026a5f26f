"""Bringing a run to its workers: code, settings, ``init`` - everywhere, or nowhere."""

import itertools
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from crowsg.clock import Clock, to_ns
from crowsg.cluster.wire_errors import from_wire
from crowsg.code.bundle import Bundle
from crowsg.code.server import CodeServer
from crowsg.controller.life_cycle import MAX_CALLBACK_S
from crowsg.dist.asking import ask_all
from crowsg.dist.orders import Orders
from crowsg.dist.run_settings import packed
from crowsg.errors import MasterIsSet, ScenarioFailed, StartRefused

LOAD_S = 60.0
"""Seconds for loading a scenario and verifying its settings."""

INIT_S = MAX_CALLBACK_S + 30.0
"""Seconds for ``init``, and for ``terminate`` where a run is dropped; each limits itself."""

FORMER_S = 15.0
"""Seconds for ending a run that a former life of this node led: ``terminate`` has ten of them."""

_AGAIN_S = 0.25

_LOGGER = logging.getLogger("crowsg")


@dataclass(slots=True)
class Plan:
    """What every worker of a run is told, whenever it joins.

    Attributes:
        run: Names the run.
        scenario: The name of its module.
        settings: Values above all of a worker's own, packed.
        defaults: Values below a worker's own, packed.
        above: What ``setup`` returned, and what was updated since: above all else.
        bundle: The code of the scenario.
        keeps_lives: Whether the master wants to know of each user that ends.
    """

    run: str
    scenario: str
    settings: dict[str, Any]
    defaults: dict[str, Any]
    bundle: Bundle
    keeps_lives: bool = False
    above: dict[str, Any] = field(default_factory=dict)


class Recruiting:
    """Makes workers of nodes.

    Args:
        orders: How they are told.
        code: The code they get.
        name: Name of this node.
        clock: Waits.
        spawn: Starts a function on a greenlet of this node.
    """

    def __init__(
        self,
        orders: Orders,
        code: CodeServer,
        name: str,
        clock: Clock,
        spawn: Callable[..., Any],
    ) -> None:
        self._name = name
        self._clock = clock
        self._orders = orders
        self._code = code
        self._spawn = spawn
        # One order may overtake another: workers have to know which was given first.
        self._numbers = itertools.count(1)

    def configure(self, plan: Plan, nodes: Iterable[str]) -> None:
        """Bring code and settings to nodes.

        Raises:
            StartRefused: Not every node accepted them; nothing is left on any.

        Blocks: until each has answered; those that still end a run of a former life of this node
            are waited for.
        """
        names = list(nodes)
        give_up_ns = self._clock.now_ns() + to_ns(FORMER_S)
        while True:
            try:
                self._all_or_none(plan, names, partial(self._configure, plan, is_late=False))
            except StartRefused as refusal:
                if self._clock.now_ns() >= give_up_ns or not self._is_of_former_life(refusal):
                    raise
                self._clock.sleep(_AGAIN_S)
            else:
                return

    def _is_of_former_life(self, refusal: StartRefused) -> bool:
        """Whether nodes are still busy ending a run of a former life of this node, and no more."""
        failures = refusal.failures.values()
        return all(isinstance(each, MasterIsSet) and each.master == self._name for each in failures)

    def begin(self, plan: Plan, nodes: Iterable[str]) -> None:
        """Call ``init`` on nodes that were configured, with the settings that are above all else.

        Raises:
            StartRefused: It failed on some; where it did not, ``terminate`` was called.

        Blocks: until it has returned everywhere.
        """
        self._all_or_none(plan, nodes, lambda node: self._begin(plan, node))

    def take_in(self, plan: Plan, node: str) -> None:
        """Do both for a node that joins a run which goes on, and tell it of updates meanwhile.

        Raises:
            StartRefused: It could not; nothing of the run is left there.

        Blocks: until it has come as far as all others.
        """
        self._all_or_none(plan, [node], lambda node: self._configure(plan, node, is_late=True))
        known = dict(plan.above)
        self.begin(plan, [node])
        while news := _changed(known, plan.above):
            known.update(news)
            self._update(plan, node, news)

    def drop(self, plan: Plan, nodes: Iterable[str]) -> None:
        """Take a run back from nodes; one that cannot be reached is left alone.

        Blocks: until each has answered.
        """
        body = {"number": next(self._numbers)}
        self._orders.give_all(plan.run, nodes, lambda node: ("run_drop", body), INIT_S)

    def release(self, plan: Plan, nodes: Iterable[str]) -> list[ScenarioFailed]:
        """Let go of the workers of a run that is over; one that does not answer hears it later.

        Returns:
            What ``terminate`` raised on any of them.

        Blocks: until each has answered.
        """
        answers = self._orders.give_all(plan.run, nodes, lambda node: ("run_release", {}))
        for name, failure in answers.failures.items():
            _LOGGER.warning("%s does not know yet that the run is over: %s", name, failure)
        errors = (from_wire(each) for told in answers.results.values() for each in told)
        return [error for error in errors if isinstance(error, ScenarioFailed)]

    def _all_or_none(self, plan: Plan, nodes: Iterable[str], ask: Callable[[str], object]) -> None:
        names = list(nodes)
        try:
            answers = ask_all(self._spawn, names, ask)
            if answers.failures:
                raise StartRefused(answers.failures)
        except BaseException:
            self.drop(plan, names)
            raise

    def _update(self, plan: Plan, node: str, news: Mapping[str, Any]) -> None:
        order = "settings_update", {"settings": packed(news)}
        self._all_or_none(plan, [node], lambda node: self._orders.give(plan.run, node, order))

    def _configure(self, plan: Plan, node: str, *, is_late: bool) -> None:
        def call(method: str, body: Any) -> Any:
            return self._orders.give(plan.run, node, (method, body), LOAD_S)

        self._code.distribute_to(call)
        self._code.send(call, plan.bundle)
        told = {
            "number": next(self._numbers),
            "scenario": plan.scenario,
            "digests": {plan.bundle.name: plan.bundle.digest},
            "settings": plan.settings,
            "defaults": plan.defaults,
            "lives": plan.keeps_lives,
            "late": is_late,
        }
        call("run_configure", told)

    def _begin(self, plan: Plan, node: str) -> None:
        order = "run_begin", {"above": packed(plan.above)}
        self._orders.give(plan.run, node, order, INIT_S)


def _changed(known: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in now.items() if known.get(name) is not each}
