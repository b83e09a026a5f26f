"""How many users go where: blocks of ids for those that are added, shares of those removed. Pure.

Source: amoc_dist:assign_counts/2. Shares differ by one at the most, and the later nodes get what is
left over. What is removed is taken where users are, which amoc does not look at.
"""

from collections.abc import Mapping, Sequence


def shares(count: int, number: int) -> list[int]:
    """Divide ``count`` users among ``number`` nodes, as evenly as can be, the later ones first."""
    least, rest = divmod(count, number)
    return [least + (at >= number - rest) for at in range(number)]


def blocks(first_id: int, count: int, nodes: Sequence[str]) -> dict[str, range]:
    """Deal the ids from ``first_id`` on to nodes, a block without gaps to each.

    Returns:
        The ids of each node, in the order of ``nodes``; empty for one that gets none.
    """
    dealt = {}
    for node, share in zip(nodes, shares(count, len(nodes)), strict=True):
        dealt[node] = range(first_id, first_id + share)
        first_id += share
    return dealt


def removals(count: int, present: Mapping[str, int]) -> dict[str, int]:
    """Take ``count`` users from nodes that have so many, as evenly as can be.

    Returns:
        How many from each: exactly ``count`` together while there are enough, otherwise all.
    """
    taken: dict[str, int] = {}
    # The poorest first: what they lack is made up by those that come after.
    poorest_first = sorted(present, key=lambda node: present[node])
    for at, node in enumerate(poorest_first):
        share = shares(count, len(poorest_first) - at)[0]
        taken[node] = min(share, present[node])
        count -= taken[node]
    return {node: taken[node] for node in present}
