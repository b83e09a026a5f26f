"""Every exception crowsg raises, in one tree.

::

    CrowsgError
      NoCurrentNode (also LookupError)      NoCurrentUser (also LookupError)
      NotPatched
      InvalidStatus
      InvalidRange  InvalidCount (also ValueError)  InvalidDuration (also ValueError)
      NotSendable (also TypeError)
      ConfigError
        InvalidDeclaration  DuplicateVariable  UnknownSetting  ReadOnlySetting  SettingsRejected
        InvalidSetting (also LookupError)      InvalidSource
      ScenarioError
        NoSuchScenario  InvalidScenario  UnmetDependencies  ScenarioFailed
        CodePathError  NameTaken
        CodeRefused  CodeVersionChanged
      ThrottleError
        InvalidThrottle (also ValueError)  NoSuchThrottle  WrongReconfiguration
        CannotChangeRate  ThrottleStopped
      InvalidMetric (also ValueError)
      InvalidRequest (also ValueError)  NotJudged (also AttributeError)  HttpError
      NodeError  InvalidAddress  ResultsError
      ClusterError
        InvalidKeys  NotPackable (also ValueError)
        Unreachable (also TimeoutError)  Refused  RemoteFault
        NotAMaster  MasterIsSet  ScenarioIsRunning  NoWorkers  BadNodes
        PartialFailure  StartRefused

``reason`` is amoc's atom for the same trouble, where amoc has one; ``exit_code`` is what a command
that dies of it ends with. Errors that judge input carry every problem found, not only the first.
"""

from collections.abc import Iterable, Mapping
from typing import ClassVar

EXIT_OK = 0
EXIT_INTERNAL = 1
EXIT_USAGE = 2
EXIT_SCENARIO_FAILED = 3
EXIT_NODES = 4
EXIT_STUCK = 5
EXIT_ABORTED = 97
EXIT_SATURATED = 98


class CrowsgError(Exception):
    """The root: everything crowsg raises on purpose is one of these."""

    reason: ClassVar[str] = "error"
    exit_code: ClassVar[int] = EXIT_USAGE


class NoCurrentNode(CrowsgError, LookupError):
    """A facade was called outside every node."""

    reason = "no_current_node"

    def __init__(self) -> None:
        super().__init__(
            "called outside a crowsg node; inside a native thread or a hub callback wrap the "
            "function with crowsg.context.bind"
        )


class NoCurrentUser(CrowsgError, LookupError):
    """A facade that needs a user was called on a node, but not by a user."""

    reason = "no_current_user"

    def __init__(self) -> None:
        super().__init__("called outside a user: only start and what it spawns run as one")


class NotPatched(CrowsgError):
    """A run was asked for in a process whose standard library still blocks."""

    reason = "not_patched"

    def __init__(self) -> None:
        super().__init__(
            "the standard library is not patched, so every user would block all others; put these "
            "two lines first in the program:\n"
            "    from gevent import monkey\n"
            "    monkey.patch_all()"
        )


class InvalidStatus(CrowsgError):
    """The controller is in a state that does not allow this call."""

    reason = "invalid_status"

    def __init__(self, status: str, call: str) -> None:
        self.status = status
        self.call = call
        super().__init__(f"{call} is not possible: the controller is {status}")


class InvalidRange(CrowsgError):
    """User ids were asked for that are not positive, not ascending or already given away."""

    reason = "invalid_range"

    def __init__(self, first_id: int, last_id: int, highest_id: int) -> None:
        self.first_id, self.last_id, self.highest_id = first_id, last_id, highest_id
        super().__init__(
            f"user ids {first_id} to {last_id}: they must be whole numbers, ascending, "
            f"at most 2**53, and above the highest id given away so far ({highest_id})"
        )


class InvalidCount(CrowsgError, ValueError):
    """A number of users that is no whole number, or below what is possible."""

    reason = "invalid_count"

    def __init__(self, count: object, least: int) -> None:
        super().__init__(f"a number of users is a whole number >= {least}, not {count!r:.60}")


class InvalidDuration(CrowsgError, ValueError):
    """A duration that is no number of seconds, or not above 0."""

    reason = "invalid_duration"

    def __init__(self, name: str, seconds: object) -> None:
        super().__init__(f"{name} is a number of seconds above 0, not {seconds!r:.60}")


class NotSendable(CrowsgError, TypeError):
    """A message holds something that could not arrive on another node as it was sent."""

    reason = "not_sendable"


class ConfigError(CrowsgError):
    """Declarations or values of settings are wrong; ``problems`` lists all that is."""

    title: ClassVar[str] = "wrong settings"

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(f"{self.title}: " + "; ".join(self.problems))


class InvalidDeclaration(ConfigError):
    """``problems`` lists every faulty declaration of every module that takes part."""

    reason = "invalid_attribute_format"
    title = "invalid variables"


class DuplicateVariable(ConfigError):
    """Two declarations share a name and neither is an override."""

    reason = "parameter_overriding"
    title = "variables declared twice"


class UnknownSetting(ConfigError):
    """Values were given for names nobody declares."""

    reason = "undefined_parameters"
    title = "undeclared settings"

    def __init__(self, names: Iterable[str], known: Iterable[str] = ()) -> None:
        self.names = tuple(names)
        hint = ", ".join(sorted(known))
        super().__init__([*self.names, *([f"known: {hint}"] if hint else [])])


class ReadOnlySetting(ConfigError):
    """An update names variables that may not change while running."""

    reason = "readonly_parameters"
    title = "read-only settings"

    def __init__(self, names: Iterable[tuple[str, str]]) -> None:
        self.names = tuple(names)
        super().__init__([f"{name} (of {module})" for name, module in self.names])


class SettingsRejected(ConfigError):
    """Verification refused values; ``rejected`` holds (name, shown value, why) of all of them."""

    reason = "parameters_verification_failed"
    title = "settings refused"

    def __init__(self, rejected: Iterable[tuple[str, str, str]]) -> None:
        self.rejected = tuple(rejected)
        super().__init__([f"{name} = {value}: {why}" for name, value, why in self.rejected])


class InvalidSetting(ConfigError, LookupError):
    """``config.get`` was asked for a name nobody declares."""

    reason = "invalid_setting"
    title = "undeclared setting"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__([name])


class InvalidSource(ConfigError):
    """A settings file, a ``NAME=VALUE`` or a parser could not be read."""

    reason = "invalid_source"
    title = "unreadable settings"


class ScenarioError(CrowsgError):
    """A scenario cannot be found, loaded or started."""


class NoSuchScenario(ScenarioError):
    """No file and no module of that name."""

    reason = "no_such_scenario"

    def __init__(self, name: str, searched: Iterable[str] = ()) -> None:
        self.name = name
        where = ", ".join(searched)
        super().__init__(f"no scenario {name!r}" + (f" in {where}" if where else ""))


class InvalidScenario(ScenarioError):
    """The module is no scenario; ``problems`` says everything that is missing or wrong."""

    reason = "invalid_scenario"

    def __init__(self, name: str, problems: Iterable[str]) -> None:
        self.name = name
        self.problems = tuple(problems)
        super().__init__(f"{name} is no valid scenario: " + "; ".join(self.problems))


class UnmetDependencies(ScenarioError):
    """Packages the scenario asks for are missing or of another version."""

    reason = "unmet_dependencies"

    def __init__(self, name: str, problems: Iterable[str], wanted: Iterable[str]) -> None:
        self.name = name
        self.problems = tuple(problems)
        remedy = " ".join(f"'{requirement}'" for requirement in wanted)
        super().__init__(
            f"{name} needs: "
            + "; ".join(self.problems)
            + (f" - try: pip install {remedy}" if remedy else "")
        )


class CodePathError(ScenarioError):
    """Code paths are no folders; all of them are named."""

    reason = "invalid_code_path"


class NameTaken(ScenarioError):
    """The name of a scenario's module belongs to another module."""

    reason = "code_path_collision"


class CodeRefused(ScenarioError):
    """Code may not be brought to a node: its name, path, size, digest or syntax is wrong."""

    reason = "code_refused"

    def __init__(self, name: str, problems: Iterable[str]) -> None:
        self.name = name
        self.problems = tuple(problems)
        super().__init__(f"the code of {name} is refused: " + "; ".join(self.problems))


class CodeVersionChanged(ScenarioError):
    """Another version of the code is in use by the run that goes on."""

    reason = "module_version_has_changed"

    def __init__(self, name: str, used: str, offered: str) -> None:
        self.name = name
        super().__init__(
            f"{name} is in use in version {used[:12]} and cannot become {offered[:12]} "
            "before the run has ended"
        )


class ScenarioFailed(ScenarioError):
    """A callback of the scenario raised; ``__cause__`` is what it raised."""

    reason = "scenario_failed"
    exit_code = EXIT_SCENARIO_FAILED

    def __init__(self, callback: str, description: str) -> None:
        self.callback = callback
        super().__init__(f"{callback} failed: {description}")


class ThrottleError(CrowsgError):
    """A throttle was asked for something it cannot do."""


class InvalidThrottle(ThrottleError, ValueError):
    """A rate that no spelling of ``Rate.of`` covers; the text says why."""

    reason = "invalid_throttle"


class NoSuchThrottle(ThrottleError):
    """No throttle of that name runs."""

    reason = "no_throttle_by_name"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"no throttle {name!r}")


class WrongReconfiguration(ThrottleError):
    """A throttle was declared again with another rate than at first."""

    reason = "wrong_reconfiguration"

    def __init__(self, name: str, declared: object, asked: object) -> None:
        self.name = name
        super().__init__(f"throttle {name!r} was declared as {declared}, not as {asked}")


class InvalidMetric(CrowsgError, ValueError):
    """A metric is declared or labelled in a way that no series can have; all reasons are told."""

    reason = "invalid_metric"

    def __init__(self, name: object, problems: Iterable[str]) -> None:
        self.name = name
        self.problems = tuple(problems)
        super().__init__(f"metric {name!r:.60}: " + "; ".join(self.problems))


class InvalidRequest(CrowsgError, ValueError):
    """A request that cannot be sent as it was asked for; nothing was counted."""

    reason = "invalid_request"


class NotJudged(CrowsgError, AttributeError):
    """A response was judged, or read, outside of the block it was judged in."""

    reason = "not_judged"


class HttpError(CrowsgError):
    """A request failed, and the caller wanted to hear of it.

    Attributes:
        kind: What it is counted under: ``status_404``, ``timeout``, ``refused``, ...
        status: That of the response, 0 where none came.
    """

    reason = "http_error"

    def __init__(self, request: str, kind: str, status: int, detail: str = "") -> None:
        self.kind, self.status = kind, status
        super().__init__(f"{request}: {kind}" + (f" ({detail})" if detail else ""))


class InvalidAddress(CrowsgError):
    """An address to listen on is none, or taken."""

    reason = "invalid_address"

    def __init__(self, what: str, address: str, why: str) -> None:
        self.address = address
        super().__init__(f"{what} cannot listen on {address}: {why}")


class ResultsError(CrowsgError):
    """The files of a run cannot be written; the text says where and why."""

    reason = "results"


class CannotChangeRate(ThrottleError):
    """A ramp is running, and only its end or the throttle's changes the rate."""

    reason = "cannot_change_rate"

    def __init__(self, name: str, ramp: object) -> None:
        self.name = name
        super().__init__(f"throttle {name!r} is on its way from {ramp}")


class ThrottleStopped(ThrottleError):
    """The throttle was stopped while somebody waited on it."""

    reason = "throttle_wait_died"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"throttle {name!r} was stopped")


class NodeError(CrowsgError):
    """A node cannot start in this process; the text says what to change."""

    reason = "node"


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
            ``wrong_key``, ``stale``, ``unknown``.
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
