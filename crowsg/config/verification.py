"""Whether a value is good for a variable, and what it becomes."""

from collections.abc import Container
from dataclasses import dataclass
from typing import Any

from crowsg.config.variable import MISSING, Declared
from crowsg.text import line_of, shown


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome for one value.

    Attributes:
        value: What to store; it may differ from what was given.
        why: Empty when the value is good, otherwise the reason it is not.
        misbehaved: The verification itself went wrong: it raised, or returned nonsense.
    """

    value: Any
    why: str = ""
    misbehaved: bool = False


def verify(variable: Declared, value: Any) -> Verdict:
    """Judge ``value`` for ``variable``.

    An optional variable without a value (None, as declared) is good whatever ``verify`` says.

    Source: amoc_config_verification; a variable without any value is refused there only by its
        verification, here always.
    """
    if value is MISSING:
        return Verdict(value, "no value given and no default declared")
    if variable.verify is None or (value is None and variable.default is None):
        return Verdict(value)
    if callable(variable.verify):
        return _by_function(variable, value)
    return _by_container(variable.verify, value)


def _by_container(allowed: Container[Any], value: Any) -> Verdict:
    try:
        good = value in allowed
    except Exception:  # noqa: BLE001 - an unhashable value, or a container of the scenario's own
        good = False
    return Verdict(value) if good else Verdict(value, f"not one of {shown(allowed, 120)}")


def _by_function(variable: Declared, value: Any) -> Verdict:
    function: Any = variable.verify
    try:
        result = function(value)
    except ValueError as error:
        return _refused(value, error)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the scenario's code
        what = f"{type(error).__name__}: {line_of(error)}"
        return Verdict(value, f"verification raised {what}", misbehaved=True)
    return _read(value, result)


def _read(value: Any, result: object) -> Verdict:
    match result:
        case True:
            return Verdict(value)
        case False:
            return _refused(value, "")
        case (True, new_value):
            return Verdict(new_value)
        case (False, reason):
            return _refused(value, reason)
    why = f"verification returned {shown(result, 60)}, neither bool nor pair"
    return Verdict(value, why, misbehaved=True)


def _refused(value: Any, reason: object) -> Verdict:
    # An empty reason must not make the value a good one.
    return Verdict(value, line_of(reason).strip() or "verification failed")
