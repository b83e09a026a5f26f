"""A seeded plan of faults: what is done to which node, and when. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

EVERY_S = 2.0
"""Mean seconds from one strike to the next."""

QUIET_S = 3.0
"""What a node is left to recover before it is hurt again."""

NODE_FAULTS = {"kill": 2, "stop": 3, "stall": 2, "slow": 2, "block": 2}
"""Weights of what is done to a node."""

RUN_CHANGES = {"rate": 3, "add": 2, "remove": 2}
"""Weights of what is done to the run."""

SECONDS = {
    "kill": (0.0, 4.0),
    "stop": (0.5, 14.0),
    "stall": (0.5, 14.0),
    "slow": (2, 6),
    "block": (0.5, 3.0),
}
"""How long each fault lasts; a node that was killed starts again so much later."""

RECOVERY_S = 14.0
"""Until a node that may have been taken for dead takes part again."""

RATES = (50, 100, 200, 400)


@dataclass(frozen=True, slots=True)
class Strike:
    """One thing that is done.

    Attributes:
        at_s: When, in seconds from the start.
        what: What, one of ``NODE_FAULTS`` or ``RUN_CHANGES``.
        node: To which node; "" for the run.
        amount: For how many seconds, or how many users, or permits a second.
    """

    at_s: float
    what: str
    node: str
    amount: float

    def __str__(self) -> str:
        return f"{self.at_s:6.1f} s {self.what} {self.node} {self.amount:g}"


def strikes(seed: int, seconds: float, nodes: Sequence[str]) -> Iterator[Strike]:
    """Yield what is to be done in so many seconds: the same for the same seed.

    One node at the least is never hurt while the others are.
    """
    rng = Random(seed)
    free_s = dict.fromkeys(nodes, 0.0)
    at_s = 0.0
    while (at_s := at_s + rng.expovariate(1 / EVERY_S)) < seconds:
        free = [node for node in nodes if free_s[node] <= at_s]
        if len(free) > 1 and rng.random() < 0.75:
            what, node = _drawn(rng, NODE_FAULTS), rng.choice(free)
            amount = round(rng.uniform(*SECONDS[what]), 2)
            free_s[node] = at_s + amount + (RECOVERY_S if amount > 2 or what == "kill" else QUIET_S)
            yield Strike(at_s, what, node, amount)
        else:
            yield _change(rng, at_s)


def _change(rng: Random, at_s: float) -> Strike:
    what = _drawn(rng, RUN_CHANGES)
    amount = rng.choice(RATES) if what == "rate" else rng.randint(1, 10)
    return Strike(at_s, what, "", amount)


def _drawn(rng: Random, weights: dict[str, int]) -> str:
    return rng.choices(list(weights), list(weights.values()))[0]
