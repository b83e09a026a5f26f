"""Errors of nodes that work together."""

from collections.abc import Iterable, Mapping

from crowsg.errors.base import EXIT_NODES, EXIT_USAGE, CrowsgError


class ClusterError(CrowsgError):
    """Nodes cannot do together what was asked."""

    exit_code = EXIT_NODES


class InvalidKeys(ClusterError):
    """Keys are missing, unreadable or open to others; the text says which and what to do."""

    reason = "invalid_keys"
    exit_code = EXIT_USAGE


class NotPackable(ClusterError, ValueError):
    """A value cannot travel between nodes: of a wrong type, or too large."""

    reason = "not_packable"


class Unreachable(ClusterError, TimeoutError):
    """A node did not answer in time; whether it did what was asked is not known."""

    reason = "unreachable"

    def __init__(self, node: str, call: str, seconds: float) -> None:
        self.node = node
        super().__init__(f"{node} did not answer {call} within {seconds:g} s")


class Refused(ClusterError):
    """A node refused to deal with another one; the text says why.

    Attributes:
        kind: The cause in a word: ``name_taken``, ``other_cluster``, ``other_version``,
            ``wrong_key``, ``malformed``, ``stale``, ``unknown``, ``gone``.
    """

    reason = "refused"

    def __init__(self, kind: str, why: str) -> None:
        self.kind = kind
        super().__init__(why)


class RemoteFault(ClusterError):
    """A call failed on another node by a fault; the traceback is in that node's log."""

    reason = "remote_fault"


class NotAMaster(ClusterError):
    """Only the master of a run can do this, and this node is not it."""

    reason = "not_a_master"

    def __init__(self, node: str, call: str) -> None:
        super().__init__(f"{call} is for the master of a run, which {node} is not")


class MasterIsSet(ClusterError):
    """The node takes part in a run of another master."""

    reason = "master_is_already_set"

    def __init__(self, node: str, master: str) -> None:
        self.master = master
        super().__init__(f"{node} works for {master}")


class ScenarioIsRunning(ClusterError):
    """The cluster runs a scenario already."""

    reason = "scenario_is_running"

    def __init__(self, scenario: str) -> None:
        super().__init__(f"the cluster runs {scenario} already: stop it first")


class NoWorkers(ClusterError):
    """There is no other node that could carry users."""

    reason = "empty_nodes_list"

    def __init__(self) -> None:
        super().__init__("no worker has joined: start nodes with crowsg node --join, or --nodes")


class BadNodes(ClusterError):
    """Nodes were named that are no workers of this run."""

    reason = "bad_nodes"

    def __init__(self, names: Iterable[str], known: Iterable[str]) -> None:
        self.names = tuple(names)
        super().__init__(
            f"no workers of this run: {', '.join(self.names)} (there are: {', '.join(known)})"
        )


class NoCluster(ClusterError):
    """The node is in no cluster, and nobody can reach it."""

    reason = "no_cluster"

    def __init__(self, node: str) -> None:
        super().__init__(f"{node} is in no cluster: start it with crowsg node, or run --nodes")


class NotEnoughNodes(ClusterError):
    """Fewer nodes joined in time than a run was to wait for."""

    reason = "not_enough_nodes"

    def __init__(self, wanted: int, joined: Iterable[str], seconds: float) -> None:
        self.joined = tuple(joined)
        named = f" ({', '.join(self.joined)})" if self.joined else ""
        super().__init__(f"{len(self.joined)} of {wanted} nodes joined within {seconds:g} s{named}")


class PartialFailure(ClusterError):
    """Some nodes did what was asked, others failed.

    Attributes:
        results: What each node that succeeded returned, by its name.
        failures: What each of the others raised, by its name.
    """

    reason = "partial_failure"

    def __init__(
        self, call: str, results: Mapping[str, object], failures: Mapping[str, Exception]
    ) -> None:
        self.results, self.failures = dict(results), dict(failures)
        told = "; ".join(f"{node}: {error}" for node, error in self.failures.items())
        super().__init__(
            f"{call} failed on {len(failures)} of {len(results) + len(failures)} nodes: {told}"
        )


class StartRefused(ClusterError):
    """A run was not started, as it could not be on every node; nothing of it is left.

    Attributes:
        failures: What each node that could not raised, by its name.
    """

    reason = "start_refused"

    def __init__(self, failures: Mapping[str, Exception]) -> None:
        self.failures = dict(failures)
        told = "; ".join(f"{node}: {error}" for node, error in self.failures.items())
        super().__init__(f"nothing was started: {told}")

    def ends_with(self) -> int:
        """Return the code of what all nodes failed of; where they differ, that of nodes."""
        failures = self.failures.values()
        codes = {each.ends_with() for each in failures if isinstance(each, CrowsgError)}
        return codes.pop() if len(codes) == 1 else self.exit_code
