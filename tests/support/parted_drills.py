"""A drill over hosts of their own, which can be cut off, and are seen all the same."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from gevent import socket
from gevent.server import StreamServer

from crowsg.cluster.keys import new_cluster_key
from tests.support.cluster_processes import Program, Programs
from tests.support.drills import CAWING, MASTER, Drill
from tests.support.namespaces import HUB, Network

_ESTABLISHED = "01"

SEEN_THROUGH_A_FILE = (
    CAWING.replace('oracle.connect(config.get("oracle"), node=current_node().name)', "seen()")
    .replace(
        "def init():",
        """
def seen():
    # A socket in a folder is reached from every host, whatever is cut.
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(config.get("oracle"))
    connection.setblocking(False)
    return oracle.Hits(connection, {"node": current_node().name})

def init():""",
    )
    .replace("import time\n", "import socket\nimport time\n", 1)
)


class Hosts(Network):
    """A network in which a host may also be deaf, and whose connections are seen from both ends."""

    def begin(self) -> None:
        """See ``Network.begin``."""
        super().begin()
        # Without an address of its own the bridge has that of a cable, and hears it when it is cut.
        self._run(HUB, "ip link set bridge address 02:00:00:00:00:01")

    def unmute(self, name: str) -> None:
        """Let a host send to all others again."""
        self._run(name, "ip route flush type blackhole")

    def half_open(self) -> set[tuple[str, str]]:
        """Return the connections between hosts, from end to end, that only one end knows of."""
        known = {each for keeper in self._keepers.values() for each in _connections(keeper.pid)}
        return {(near, far) for near, far in known if (far, near) not in known}


class PartedDrill(Drill):
    """A drill whose master is on the host ``hub``, and each node on one of its own name.

    Attributes:
        net: The network between them.

    Args:
        folder: Where everything is written.
        names: The nodes, ``name@host``.
    """

    def __init__(self, folder: Path, *names: str) -> None:
        super().__init__(folder, SEEN_THROUGH_A_FILE, is_proxied=False)
        self._names = names
        self._keys = folder / "keys"
        self._door = folder / "door"
        self._inside: dict[str, Programs] = {}
        self.net = Hosts(folder / "hosts")

    def __enter__(self) -> "PartedDrill":
        super().__enter__()
        new_cluster_key(self._keys)
        self._stack.callback(self.net.end)
        self.net.begin()
        for name in self._names:
            self.net.add(host_of(name))
        for host in (HUB, *map(host_of, self._names)):
            self._inside[host] = self.net.programs(host)
            self._stack.callback(self._inside[host].end)
        self._open_the_door()
        return self

    def lead(self, users: int, workers: int, *arguments: str, **environment: str) -> Program:
        """See ``Drill.lead``."""
        return super().lead(users, workers, "--keys", str(self._keys), *arguments, **environment)

    def join_all(self) -> None:
        """Start all nodes."""
        for name in self._names:
            self.join(name, "--keys", str(self._keys))

    def told(self, *arguments: str) -> Any:
        """Return what a command of ``crowsg dist`` prints, asked on the master's own host."""
        keys = "--keys", str(self._keys)
        return self._inside[HUB].told(self.master_address, *arguments, *keys)

    def _programs_of(self, name: str) -> Programs:
        return self._inside[host_of(name)]

    def _address(self, name: str) -> str:
        return self.net.address(host_of(name))

    def _seen_at(self) -> str:
        return str(self._door)

    def _open_the_door(self) -> None:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self._door))
        listener.listen()
        server = StreamServer(listener, self._carry)
        server.start()
        self._stack.callback(listener.close)
        self._stack.callback(server.stop)

    def _carry(self, near: Any, _: object) -> None:
        host, _, port = self.oracle.address.rpartition(":")
        with suppress(OSError), socket.create_connection((host, int(port))) as far:
            while data := near.recv(1 << 16):
                far.sendall(data)


def host_of(name: str) -> str:
    """Return the host of a node of a drill."""
    return HUB if name == MASTER else name.partition("@")[0]


def _connections(pid: int) -> Iterator[tuple[str, str]]:
    """Yield both ends of each connection of the namespace of a process."""
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        _, near, far, state, *_ = line.split()
        if state == _ESTABLISHED:
            yield near, far
