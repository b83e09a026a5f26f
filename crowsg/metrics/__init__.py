"""What a run counts besides its users; it is shown in the summary and kept in ``Summary``.

At most 200 names are kept on a node; the rest is counted as ``__other__``, so a name must not
carry an id.
"""

from crowsg.context import current_node

__all__ = ["count"]


def count(name: str, n: float = 1) -> None:
    """Add to a counter of this node.

    Args:
        name: Name of the counter.
        n: How much to add.

    Raises:
        TypeError: ``name`` is no text, or ``n`` no number.

    Blocks: never.
    Source: amoc_metrics:update_counter/1,2 of amoc-arsenal.
    """
    current_node().recorder.counters.count(name, n)
