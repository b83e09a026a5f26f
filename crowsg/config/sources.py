"""Where values come from besides the caller: environment, TOML file, text on the command line."""

import ast
import importlib
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from crowsg.config.variable import Declared
from crowsg.errors import InvalidSource
from crowsg.text import shown

PREFIX = "CROWSG_"
PARSER_VARIABLE = "CROWSG_CONFIG_PARSER"

Parser = Callable[[str, Declared], Any]


def parse_value(text: str, variable: Declared) -> Any:
    """Read text as a Python literal, as plain text where it is none.

    Where the declared default is text the value is always text.

    Raises:
        ValueError: The text is no Unicode, as an environment in another encoding leaves it.
    """
    text.encode()
    if isinstance(variable.default, str):
        return text
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text


def load_parser(reference: str | None) -> Parser:
    """Return the parser that ``CROWSG_CONFIG_PARSER`` names, ``parse_value`` for none.

    Args:
        reference: ``module:function``; the function takes the text and returns the value, or
            raises to refuse it.

    Raises:
        InvalidSource: It cannot be imported or is no function.
    """
    if not reference:
        return parse_value
    module, _, name = reference.partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except (Exception, SystemExit) as error:
        raise InvalidSource([f"{PARSER_VARIABLE}={reference}: {error}"]) from error
    if not callable(function):
        raise InvalidSource([f"{PARSER_VARIABLE}={reference}: not a function"])
    return lambda text, variable: function(text)


def from_environment(
    variables: Iterable[Declared], environment: Mapping[str, str]
) -> dict[str, str]:
    """Return the text of every variable that the environment gives; an empty one gives nothing."""
    found = ((known.name, environment.get(PREFIX + known.name.upper())) for known in variables)
    return {name: text for name, text in found if text}


def from_toml(path: Path) -> dict[str, Any]:
    """Read the settings of a TOML file: its top-level keys.

    Raises:
        InvalidSource: The file cannot be read or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidSource([f"{path}: {error}"]) from error
    except RecursionError as error:
        raise InvalidSource([f"{path}: nested too deeply"]) from error


def from_assignments(assignments: Iterable[str]) -> dict[str, str]:
    """Split ``NAME=VALUE`` texts.

    Raises:
        InvalidSource: One has no ``=`` or no name, or two set the same name.
    """
    values: dict[str, str] = {}
    problems = []
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        name = name.strip()
        if not equals or not name:
            problems.append(f"{shown(assignment, 60)} is not NAME=VALUE")
        elif name in values:
            problems.append(f"{name} is set twice")
        values[name] = text
    if problems:
        raise InvalidSource(problems)
    return values
