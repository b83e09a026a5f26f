"""The exporter of one node."""

import re
from collections.abc import Callable, Iterable, Mapping

from crowsg.clock import Clock
from crowsg.controller.machine import Controller
from crowsg.errors import InvalidAddress
from crowsg.exporter.callbacks import CallbackTimes
from crowsg.exporter.cluster_series import ClusterSeries
from crowsg.exporter.node_series import NodeSeries, spelled
from crowsg.exporter.page import Page
from crowsg.exporter.recorded import recorded
from crowsg.exporter.server import DEFAULT_HOST, MetricsServer
from crowsg.health.monitor import Health
from crowsg.metrics.recorder import Recorder
from crowsg.supervision import Keep
from crowsg.telemetry.bus import Bus
from crowsg.throttle.service import Throttles

HOST_VARIABLE = "CROWSG_PROMETHEUS_HOST"
PORT_VARIABLE = "CROWSG_PROMETHEUS_PORT"
LONE = "lone"

_PORT = re.compile(r"[0-9]{1,5}\Z")
_MAX_PORT = 65535


class Exporter:
    """Counts what only series tell, and serves all series of the node.

    Args:
        node: Name of the node.
        clock: Tells and waits.
        telemetry: Tells of callbacks.
        controller: Tells where the node stands, and whether a run goes on.
        recorder, throttles, health: What there is to tell.
        keep: Runs a loop of the node.
    """

    def __init__(
        self,
        node: str,
        clock: Clock,
        telemetry: Bus,
        controller: Controller,
        recorder: Recorder,
        throttles: Throttles,
        health: Health,
        keep: Keep,
    ) -> None:
        self._telemetry = telemetry
        self._recorder = recorder
        self._throttles = throttles
        self._callbacks = CallbackTimes()
        self._node = node
        self._role: Callable[[], str] = lambda: LONE
        self._cluster: ClusterSeries | None = None
        self._series = NodeSeries(
            node, lambda: self._role(), controller.status, recorder.lives, self._callbacks, health
        )
        self._page = Page(clock, self._pieces, controller.over.is_set)
        self._server = MetricsServer(self._page.text, self._labels, keep)

    @property
    def address(self) -> str:
        """Where the series are served, ``host:port``; empty while they are not."""
        return self._server.address

    def enter_cluster(
        self, role: Callable[[], str], states: Callable[[], Mapping[str, int]]
    ) -> None:
        """Tell the series of a cluster too.

        Args:
            role: Tells what this node is there: ``master``, ``worker`` or ``node``.
            states: Tells how many other nodes are in each state.
        """
        self._role = role
        self._cluster = ClusterSeries(states)
        self._cluster.attach(self._telemetry)

    def start(self) -> None:
        """Begin to count."""
        self._callbacks.attach(self._telemetry)

    def serve(self, environment: Mapping[str, str]) -> None:
        """Begin to serve, where the environment says.

        Raises:
            InvalidAddress: It cannot be listened on.
        """
        host = environment.get(HOST_VARIABLE) or DEFAULT_HOST
        self._server.start(host, _port(host, environment.get(PORT_VARIABLE)))

    def stop(self) -> None:
        """Count and serve no more."""
        self._server.stop()
        self._callbacks.detach(self._telemetry)
        if self._cluster is not None:
            self._cluster.detach(self._telemetry)

    def _labels(self) -> dict[str, str]:
        return {"node": self._node, "role": self._role()}

    def _pieces(self) -> Iterable[str]:
        yield from recorded(self._recorder, self._throttles)
        yield from self._series.pieces()
        if self._cluster is not None:
            for family in self._cluster.families():
                yield spelled(family)


def is_asked_for(environment: Mapping[str, str]) -> bool:
    """Whether the environment names an address for the series."""
    return bool(environment.get(HOST_VARIABLE) or environment.get(PORT_VARIABLE))


def _port(host: str, text: str | None) -> int | None:
    if not text:
        return None
    if not _PORT.match(text) or int(text) > _MAX_PORT:
        why = f"{PORT_VARIABLE} is a number from 0 to {_MAX_PORT}"
        raise InvalidAddress("metrics", f"{host}:{text:.20}", why)
    return int(text)
