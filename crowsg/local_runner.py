"""A whole run on this node alone."""

from collections.abc import Sequence

from gevent.event import Event

from crowsg.controller.arriving import Arriving
from crowsg.controller.machine import Controller
from crowsg.errors import ScenarioFailed
from crowsg.one_run import RunOptions
from crowsg.users.crowd import Crowd


class LocalRunner:
    """Lets one controller carry the users of a run; see ``crowsg.one_run.Runner``.

    Args:
        controller, crowd: The services of the node.
        arriving: Lets users arrive.
    """

    def __init__(self, controller: Controller, crowd: Crowd, arriving: Arriving) -> None:
        self.over = controller.over
        self.idle = crowd.idle
        self.unkillable = crowd.unkillable
        self.deserted = Event()  # never set: this node is always there
        self._controller = controller
        self._arriving = arriving

    @property
    def state(self) -> str:
        """State of the controller."""
        return self._controller.state

    @property
    def trouble(self) -> Sequence[ScenarioFailed]:
        """What ``terminate`` and ``teardown`` of the run raised."""
        return self._controller.trouble

    @property
    def desertion(self) -> str:
        """Nothing: this node is always there."""
        return ""

    @property
    def losses(self) -> Sequence[object]:
        """None: there is nobody to be lost."""
        return ()

    def start(self, options: RunOptions) -> None:
        """Start the scenario and queue its users, or let them arrive."""
        self._controller.start_scenario(options.scenario, options.settings)
        if options.arrivals:
            self._arriving.begin(options.first_id, options.last_id)
        else:
            self._controller.add_users(options.first_id, options.last_id)

    def stop(self) -> None:
        """End the run."""
        self._controller.stop_scenario()

    def kill_users(self) -> None:
        """Leave no further grace."""
        self._controller.kill_users()
