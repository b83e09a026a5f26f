"""The master's end of beats: reports come in from each node, leases go out to it."""

from collections.abc import Callable
from functools import partial

from crowsg.throttle.beats import Outbox, plain_ending, plain_grant, read_reports
from crowsg.throttle.lease import Lease
from crowsg.throttle.processes import Processes
from crowsg.throttle.wire import Plain


class Dealer:
    """Lets nodes take part in the throttles of a run.

    Args:
        processes: The throttles.
        tell_leases: Sends a node, by its name, a plain message for its ``take_leases``, one way; it
            may be lost, and must not block.
        announce_stop: Tells a node, by its name, that a throttle has ended, by name and life; must
            not be lost, and must not block.
    """

    def __init__(
        self,
        processes: Processes,
        tell_leases: Callable[[str, list[Plain]], object],
        announce_stop: Callable[[str, str, int], object],
    ) -> None:
        self._processes = processes
        self._tell_leases = tell_leases
        self._announce_stop = announce_stop
        self._boxes: dict[str, Outbox] = {}

    def enrol(self, node: str) -> None:
        """Let a node take part in every throttle, present and future, from its reports on."""
        if node in self._boxes:
            return
        self._boxes[node] = box = Outbox(partial(self._tell_leases, node))
        self._processes.enrol(node, partial(self._put, box), partial(self._announce_stop, node))

    def dismiss(self, node: str) -> None:
        """Give what a node had to the others: it is known to grant nothing any more."""
        if self._boxes.pop(node, None) is not None:
            self._processes.dismiss(node)

    def take_reports(self, node: str, plain: Plain) -> None:
        """Take a plain message of a node's reports; from one that takes no part it means nothing.

        Raises:
            InvalidThrottle: It is none; then nothing has changed.

        Blocks: never.
        """
        reports = read_reports(plain)
        box = self._boxes.get(node)
        if box is None:
            return
        for name, life, report in reports:
            if not self._processes.hear(node, name, life, report):
                box.put((name, life), plain_ending(name, life))

    def _put(self, box: Outbox, name: str, life: int, lease: Lease) -> None:
        box.put((name, life), plain_grant(name, lease, self._processes.state(name)))
