"""A network that a test makes for itself, with hosts that can be cut off, made deaf and slowed.

Each host is a network namespace with one cable to a bridge in the namespace ``hub``, all inside a
user namespace in which the test is root. Every namespace lives as long as a process in it that
waits for the end of its stdin, of which only the test has the other end: however the test ends,
nothing is left.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.cluster_processes import NodeProcess, Program, Programs
from tests.support.tampering import tampered

HUB = "hub"
PORT = 9400

# Before Python has a second thread, a process may still move into another user namespace.
_MOVE_IN = """
import ctypes, os
if os.readlink("/proc/self/ns/net") != os.readlink("/proc/{pid}/ns/net"):
    for kind in ("user", "net"):
        opened = os.open("/proc/{pid}/ns/" + kind, os.O_RDONLY)
        if ctypes.CDLL(None, use_errno=True).setns(opened, 0):
            raise OSError(ctypes.get_errno(), "cannot move into the namespace")
        os.close(opened)
    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG: it ends with the test
"""


class Network:
    """Hosts on one bridge; each has an address of its own, ``hub`` too.

    Args:
        folder: A folder of its own.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keepers: dict[str, subprocess.Popen[bytes]] = {}

    def begin(self) -> None:
        """Make the network, with nobody on it but ``hub``.

        Raises:
            AssertionError: This system does not let the test make namespaces.
        """
        self._keep(HUB, ["unshare", "--user", "--map-root-user", "--net"])
        self._run(HUB, "ip link set lo up", "ip link add bridge type bridge")
        self._run(HUB, f"ip addr add {self.host(HUB)}/24 dev bridge", "ip link set bridge up")

    def add(self, name: str) -> None:
        """Add a host."""
        self._keep(name, [*self._enter(HUB), "unshare", "--net"])
        self.host(name)
        pid, cable = self._keepers[name].pid, self._cable(name)
        self._run(HUB, f"ip link add {cable} type veth peer name eth0 netns {pid}")
        self._run(HUB, f"ip link set {cable} master bridge", f"ip link set {cable} up")
        self._run(name, "ip link set lo up", f"ip addr add {self.host(name)}/24 dev eth0")
        self._run(name, "ip link set eth0 up")

    def host(self, name: str) -> str:
        """Return the address of a host, without a port."""
        return f"10.77.0.{1 + list(self._keepers).index(name)}"

    def address(self, name: str) -> str:
        """Return where a node of that host listens."""
        return f"{self.host(name)}:{PORT}"

    def programs(self, name: str) -> "ProgramsInside":
        """Return what starts programs on a host; they end with ``Programs.end``."""
        pid = self._keepers[name].pid
        return ProgramsInside(tampered(self._folder / name, _MOVE_IN.format(pid=pid)))

    def cut(self, name: str) -> None:
        """Take a host off the network; nobody is told, connections only fall silent."""
        self._run(HUB, f"ip link set {self._cable(name)} nomaster")

    def heal(self, name: str) -> None:
        """Put a host back, whatever was done to it."""
        cable = self._cable(name)
        self._run(HUB, f"ip link set {cable} master bridge")
        for place, device in ((HUB, cable), (name, "eth0")):
            subprocess.run(
                [*self._enter(place), "tc", "qdisc", "del", "dev", device, "root"],
                capture_output=True,
                check=False,
            )
        self._run(name, "ip route flush type blackhole")

    def mute(self, name: str, to: str) -> None:
        """Lose what a host sends to another one; it still hears that one."""
        self._run(name, f"ip route add blackhole {self.host(to)}/32")

    def slow(self, name: str, rate: str, latency: str) -> None:
        """Let no more than ``rate`` (``1mbit``) pass each way; what waits ``latency`` is lost."""
        limited = f"root tbf rate {rate} burst 10k latency {latency}"
        self._run(HUB, f"tc qdisc replace dev {self._cable(name)} {limited}")
        self._run(name, f"tc qdisc replace dev eth0 {limited}")

    def end(self) -> None:
        """Undo it; whoever still runs in there stays, without a network."""
        for keeper in reversed(self._keepers.values()):
            assert keeper.stdin is not None
            keeper.stdin.close()
            keeper.wait(10)
        self._keepers.clear()

    def _keep(self, name: str, into: list[str]) -> None:
        keeper = subprocess.Popen(
            [*into, "sh", "-c", "echo; exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert keeper.stdout is not None
        assert keeper.stderr is not None
        with keeper.stdout, keeper.stderr:
            is_there = keeper.stdout.readline() == b"\n"
            why = b"" if is_there else keeper.stderr.read()
        if not is_there:
            raise AssertionError(f"this test needs network namespaces: {why.decode().strip()}")
        self._keepers[name] = keeper

    def _enter(self, name: str) -> list[str]:
        pid = str(self._keepers[name].pid)
        return ["nsenter", "--target", pid, "--user", "--preserve-credentials", "--net"]

    def _cable(self, name: str) -> str:
        return f"to-{list(self._keepers).index(name)}"

    def _run(self, name: str, *commands: str) -> None:
        for command in commands:
            done = subprocess.run(
                [*self._enter(name), *command.split()], capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{command}: {done.stderr}"


class ProgramsInside(Programs):
    """Starts programs on one host of a network.

    Args:
        environment: What moves them there.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        super().__init__()
        self._environment = environment

    def start(self, *arguments: str, **environment: str) -> Program:
        """See ``Programs.start``."""
        return super().start(*arguments, **self._environment, **environment)

    def node(self, name: str, *arguments: str, **environment: str) -> NodeProcess:
        """See ``Programs.node``."""
        return super().node(name, *arguments, **self._environment, **environment)


@contextmanager
def network(folder: Path, *names: str) -> Iterator[Network]:
    """Give a network of these hosts besides ``hub``.

    Args:
        folder: A folder of its own.
        names: The hosts.

    Raises:
        AssertionError: This system does not let the test make namespaces.
    """
    made = Network(folder)
    try:
        made.begin()
        for name in names:
            made.add(name)
        yield made
    finally:
        made.end()
