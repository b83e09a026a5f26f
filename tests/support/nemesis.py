"""A seeded plan of faults: what is done to which node, and when. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random, randrange

EVERY_S = 1.0
"""Mean seconds from one strike to the next."""

NODES = ("one@drill", "two@drill", "three@drill", "four@drill")
"""Who is hurt."""

SEED = 373
"""Its first 20 s hold each of the faults and changes, a stop for longer than 10 s among them."""

QUIET_S = 1.5
"""What a node is left to recover before it is hurt again."""

NODE_FAULTS = {"kill": 2, "stop": 3, "stall": 2, "cut": 2, "slow": 2, "block": 2}
"""Weights of what is done to a node."""

RUN_CHANGES = {"rate": 3, "add": 2, "remove": 2}
"""Weights of what is done to the run."""

SECONDS = {
    "kill": (0.0, 4.0),
    "stop": (0.5, 14.0),
    "stall": (0.5, 14.0),
    "cut": (0.5, 4.0),
    "slow": (1.0, 4.0),
    "block": (0.5, 3.0),
}
"""How long each fault lasts; a node that was killed starts again so much later."""

FENCED_AFTER_S = 7.0
"""Of such a fault a node may have let go of its users, or have been given up."""

RECOVERY_S = 5.0
"""Until such a node takes part again, a new process included."""

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


def seed_of(text: str) -> int:
    """Return the seed that is asked for: a number, ``random``, or "" for ``SEED``."""
    return randrange(1 << 31) if text == "random" else int(text or SEED)


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
            least_s, most_s = SECONDS[what]
            # Short ones are more frequent, so that few nodes are away at once.
            amount = round(least_s + (most_s - least_s) * rng.random() ** 2, 2)
            is_fenced = what == "kill" or amount > FENCED_AFTER_S
            free_s[node] = at_s + amount + (RECOVERY_S if is_fenced else QUIET_S)
            yield Strike(at_s, what, node, amount)
        else:
            yield _change(rng, at_s)


def _change(rng: Random, at_s: float) -> Strike:
    what = _drawn(rng, RUN_CHANGES)
    amount = rng.choice(RATES) if what == "rate" else rng.randint(1, 10)
    return Strike(at_s, what, "", amount)


def _drawn(rng: Random, weights: dict[str, int]) -> str:
    return rng.choices(list(weights), list(weights.values()))[0]
