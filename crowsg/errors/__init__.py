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
        NoCluster  NotEnoughNodes
        PartialFailure  StartRefused

``reason`` is amoc's atom for the same trouble, where amoc has one; ``exit_code`` is what a command
that dies of it ends with. Errors that judge input carry every problem found, not only the first.
"""

from crowsg.errors.base import (
    EXIT_ABORTED,
    EXIT_INTERNAL,
    EXIT_NODES,
    EXIT_OK,
    EXIT_SATURATED,
    EXIT_SCENARIO_FAILED,
    EXIT_STUCK,
    EXIT_USAGE,
    CrowsgError,
)
from crowsg.errors.clusters import (
    BadNodes,
    ClusterError,
    InvalidKeys,
    MasterIsSet,
    NoCluster,
    NotAMaster,
    NotEnoughNodes,
    NotPackable,
    NoWorkers,
    PartialFailure,
    Refused,
    RemoteFault,
    ScenarioIsRunning,
    StartRefused,
    Unreachable,
)
from crowsg.errors.nodes import (
    HttpError,
    InvalidAddress,
    InvalidCount,
    InvalidDuration,
    InvalidMetric,
    InvalidRange,
    InvalidRequest,
    InvalidStatus,
    NoCurrentNode,
    NoCurrentUser,
    NodeError,
    NotJudged,
    NotPatched,
    NotSendable,
    ResultsError,
)
from crowsg.errors.scenarios import (
    CodePathError,
    CodeRefused,
    CodeVersionChanged,
    InvalidScenario,
    NameTaken,
    NoSuchScenario,
    ScenarioError,
    ScenarioFailed,
    UnmetDependencies,
)
from crowsg.errors.settings import (
    ConfigError,
    DuplicateVariable,
    InvalidDeclaration,
    InvalidSetting,
    InvalidSource,
    ReadOnlySetting,
    SettingsRejected,
    UnknownSetting,
)
from crowsg.errors.throttles import (
    CannotChangeRate,
    InvalidThrottle,
    NoSuchThrottle,
    ThrottleError,
    ThrottleStopped,
    WrongReconfiguration,
)

__all__ = [
    "EXIT_ABORTED",
    "EXIT_INTERNAL",
    "EXIT_NODES",
    "EXIT_OK",
    "EXIT_SATURATED",
    "EXIT_SCENARIO_FAILED",
    "EXIT_STUCK",
    "EXIT_USAGE",
    "BadNodes",
    "CannotChangeRate",
    "ClusterError",
    "CodePathError",
    "CodeRefused",
    "CodeVersionChanged",
    "ConfigError",
    "CrowsgError",
    "DuplicateVariable",
    "HttpError",
    "InvalidAddress",
    "InvalidCount",
    "InvalidDeclaration",
    "InvalidDuration",
    "InvalidKeys",
    "InvalidMetric",
    "InvalidRange",
    "InvalidRequest",
    "InvalidScenario",
    "InvalidSetting",
    "InvalidSource",
    "InvalidStatus",
    "InvalidThrottle",
    "MasterIsSet",
    "NameTaken",
    "NoCluster",
    "NoCurrentNode",
    "NoCurrentUser",
    "NoSuchScenario",
    "NoSuchThrottle",
    "NoWorkers",
    "NodeError",
    "NotAMaster",
    "NotEnoughNodes",
    "NotJudged",
    "NotPackable",
    "NotPatched",
    "NotSendable",
    "PartialFailure",
    "ReadOnlySetting",
    "Refused",
    "RemoteFault",
    "ResultsError",
    "ScenarioError",
    "ScenarioFailed",
    "ScenarioIsRunning",
    "SettingsRejected",
    "StartRefused",
    "ThrottleError",
    "ThrottleStopped",
    "UnknownSetting",
    "UnmetDependencies",
    "Unreachable",
    "WrongReconfiguration",
]

for _error in [each for each in vars().values() if isinstance(each, type)]:
    # Whoever sees one in a traceback finds it where it is imported from.
    _error.__module__ = __name__
