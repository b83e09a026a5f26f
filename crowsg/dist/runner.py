"""A whole run on the workers of a cluster, led by this node."""

from collections.abc import Sequence

from crowsg.dist.losses import Loss
from crowsg.dist.master import Master
from crowsg.dist.steering import Steering
from crowsg.errors import ScenarioFailed
from crowsg.one_run import RunOptions


class ClusterRunner:
    """Lets the workers of a master carry the users of a run; see ``crowsg.one_run.Runner``.

    Args:
        master: Leads the run.
        steering: Feeds it.
    """

    def __init__(self, master: Master, steering: Steering) -> None:
        self.over = master.over
        self.idle = master.standing.idle
        self.unkillable = master.standing.unkillable
        self.deserted = master.standing.deserted
        self._master = master
        self._steering = steering

    @property
    def state(self) -> str:
        """``running`` while users may be added; ``error`` after users could not be killed."""
        is_over = self._master.state != "running"
        return "error" if is_over and self.unkillable.is_set() else self._master.state

    @property
    def trouble(self) -> Sequence[ScenarioFailed]:
        """What ``terminate`` and ``teardown`` raised, on any node."""
        return self._master.trouble

    @property
    def desertion(self) -> str:
        """Why the run cannot go on."""
        return self._master.standing.desertion

    @property
    def losses(self) -> Sequence[Loss]:
        """The workers that were lost."""
        return self._master.losses.all

    def start(self, options: RunOptions) -> None:
        """Start the scenario on all workers and deal its users to them, or let them arrive."""
        self._master.start(options.run_id, options.scenario, options.settings, options.on_node_loss)
        if options.arrivals:
            self._steering.let_arrive(options.last_id)
        else:
            self._steering.add_block(options.first_id, options.last_id)

    def stop(self) -> None:
        """End the run."""
        self._master.stop()

    def kill_users(self) -> None:
        """Leave no further grace; never blocks."""
        self._master.kill_users()
