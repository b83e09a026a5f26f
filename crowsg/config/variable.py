"""How a scenario declares what can be set, and whether a declaration is sound."""

import inspect
import keyword
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Literal

from crowsg.text import MASK, shown

Verification = Callable[[Any], object]
Update = Callable[[str, Any], object]

RESERVED_NAMES: Final = frozenset(
    {
        "nodes", "node", "name", "bind", "keys", "extra_code_paths", "config_parser", "config",
        "user_rate", "stop_timeout", "prometheus_host", "prometheus_port", "api_host", "api_port",
        "graphite_host", "graphite_port", "graphite_prefix", "log_level", "run_dir", "journal",
        "stall_timeout", "failpoints",
    }
)  # fmt: skip
"""``CROWSG_<NAME>`` of these is crowsg's own, so no scenario may declare them."""


class _Missing(Enum):
    """The default of a variable that must be given a value."""

    MISSING = "missing"

    def __repr__(self) -> str:
        return "<required>"


MISSING: Final = _Missing.MISSING


@dataclass(frozen=True, slots=True)
class Variable:
    """A setting a scenario or one of its helpers asks for.

    Args:
        name: What ``config.get`` is asked for; a lower-case identifier that crowsg does not use.
        description: For people; not empty.
        default: The value when nobody gives one. Left out, a value must be given; None makes the
            variable optional. Where the default is text, values from the environment and the
            command line are always text.
        verify: None accepts everything. A container (list, set, range) holds the allowed values.
            A function, or the name of one in the declaring module, is called with the value and
            returns True or False, ``(True, new_value)``, ``(False, reason)``, or raises
            ``ValueError(reason)``.
        update: False: fixed while the run lasts. True: may change. A function, or the name of one:
            may change, and ``function(name, value)`` is called on every node when it does.
        secret: The value is shown nowhere.

    Source: amoc_config ``required_variable``.
    """

    name: str
    description: str
    # A secret must not reach a log through the repr.
    default: Any = field(default=MISSING, repr=False)
    verify: Verification | Container[Any] | str | None = None
    update: Update | bool | str = False
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Declared:
    """A sound declaration: where it came from, its functions found."""

    name: str
    description: str
    module: str
    default: Any = field(repr=False)
    verify: Verification | Container[Any] | None
    update: Update | bool
    secret: bool

    def present(self, value: object) -> str:
        """Return ``value`` for people: secrets masked, long ones cut."""
        if self.secret:
            return MASK
        return shown(value)


Resolve = Callable[[str], object]


def judge(variable: object, module: str, resolve: Resolve) -> tuple[Declared | None, list[str]]:
    """Turn a declaration into a ``Declared``, or say everything that is wrong with it.

    Args:
        variable: What stands in ``required_variables``.
        module: Name of the declaring module, for the text.
        resolve: Finds the functions that are named instead of given.
    """
    if not isinstance(variable, Variable):
        return None, [f"{module}: {shown(variable, 60)} is no Variable"]
    problems = [*_name_problems(variable), *_text_problems(variable)]
    verify, verify_problem = _verification(variable.verify, resolve)
    update, update_problem = _update(variable.update, resolve)
    problems += [problem for problem in (verify_problem, update_problem) if problem]
    if problems:
        return None, [f"{module}: variable {shown(variable.name, 60)}: {text}" for text in problems]
    declared = Declared(
        variable.name,
        variable.description,
        module,
        variable.default,
        verify,
        update,
        bool(variable.secret),
    )
    return declared, []


def _name_problems(variable: Variable) -> list[str]:
    name: object = variable.name
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        return ["the name is no identifier"]
    if not name.isascii() or name != name.lower():
        return ["the name must be in lower-case ASCII: CROWSG_<NAME> spells it in upper case"]
    return ["crowsg uses this name itself"] if name in RESERVED_NAMES else []


def _text_problems(variable: Variable) -> list[str]:
    description: object = variable.description
    if not isinstance(description, str) or not description.strip():
        return ["the description is empty or no text"]
    try:
        description.encode()
    except UnicodeEncodeError:
        return ["the description is no valid Unicode"]
    return []


def _verification(
    verify: object, resolve: Resolve
) -> tuple[Verification | Container[Any] | None, str]:
    if verify is None:
        return None, ""
    if isinstance(verify, str):
        return _named("verify", verify, resolve, arguments=1)
    if callable(verify):
        return verify, _arity_problem("verify", verify, 1)
    if not hasattr(verify, "__contains__"):
        return None, f"verify is neither function, name nor container: {shown(verify, 60)}"
    # Not by its length: that of a large range fits no C integer.
    if hasattr(verify, "__len__") and not verify:
        return None, "verify allows no value at all"
    return verify, ""


def _update(update: object, resolve: Resolve) -> tuple[Update | bool, str]:
    if isinstance(update, bool):
        return update, ""
    if isinstance(update, str):
        function, problem = _named("update", update, resolve, arguments=2)
        return function or False, problem
    if callable(update):
        return update, _arity_problem("update", update, 2)
    return False, f"update is neither bool, function nor name: {shown(update, 60)}"


def _named(
    what: Literal["verify", "update"], name: str, resolve: Resolve, arguments: int
) -> tuple[Any, str]:
    function = resolve(name)
    if not callable(function):
        return None, f"{what} names no function of the module: {name!r}"
    return function, _arity_problem(what, function, arguments)


def _arity_problem(what: str, function: Callable[..., object], arguments: int) -> str:
    return "" if takes(function, arguments) else f"{what} must take {arguments} argument(s)"


def takes(function: Callable[..., object], arguments: int) -> bool:
    """Whether ``function`` can be called with so many positional arguments.

    What cannot be inspected (some built-ins) is believed.
    """
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):
        return True
    try:
        signature.bind(*range(arguments))
    except TypeError:
        return False
    return True
