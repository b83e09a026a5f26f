"""From a file to its description: text, syntax tree, ``Source``."""

import ast
import tokenize
import warnings
from collections.abc import Sequence
from pathlib import Path

from crowsg.errors import InvalidScenario
from crowsg.source.model import CALLBACKS, Kind, Source
from crowsg.source.statements import bound_names, imported_modules, top_level
from crowsg.source.variables import declared_lists


def read(path: Path, name: str = "") -> Source:
    """Describe the module in ``path`` without importing it.

    Args:
        path: A Python file.
        name: The dotted name it is imported by; by default the stem, for ``__init__.py`` the name
            of the folder. Relative imports are followed only inside a named package.

    Raises:
        InvalidScenario: The file cannot be read, or is no Python.
    """
    name = name or _module_name(path)
    text = read_text(path)
    try:
        return _describe(path, name, _parse(text))
    except SyntaxError as error:
        place = f"line {error.lineno}: " if error.lineno else ""
        raise InvalidScenario(name, [f"{place}{error.msg}"]) from error
    except (RecursionError, MemoryError) as error:
        raise InvalidScenario(name, ["its code is nested too deeply"]) from error
    except ValueError as error:
        # Null bytes, and numbers too long to be spelled.
        raise InvalidScenario(name, [str(error)]) from error


def read_text(path: Path) -> str:
    """Return the text of a Python file, decoded as it declares itself (PEP 263).

    Raises:
        InvalidScenario: It is no file, cannot be opened, or is not in the declared encoding.
    """
    try:
        if path.exists() and not path.is_file():
            raise InvalidScenario(_module_name(path), [f"{path} is no file"])
        with tokenize.open(path) as file:
            return file.read()
    except OSError as error:
        problem = f"cannot read {path}: {error.strerror}"
    except UnicodeDecodeError as error:
        problem = f"its text cannot be decoded: no valid {error.encoding}"
    except (SyntaxError, LookupError) as error:
        reason = str(error).removesuffix(f" for {str(path)!r}")
        problem = f"its text cannot be decoded: {reason}"
    raise InvalidScenario(_module_name(path), [problem])


def _module_name(path: Path) -> str:
    return path.absolute().parent.name if path.name == "__init__.py" else path.stem


def _parse(text: str) -> ast.Module:
    # Warnings about the scenario's code belong to its import.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def _describe(path: Path, name: str, tree: ast.Module) -> Source:
    statements = top_level(tree)
    bound = {bound: statement for statement in statements for bound in bound_names(statement)}
    lists = declared_lists(statements)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return Source(
        name=name,
        path=path,
        kind=_kind(bound),
        doc=ast.get_docstring(tree) or "",
        callbacks=tuple(callback for callback in CALLBACKS if callback in bound),
        variables=lists.get("required_variables", ()),
        overrides=lists.get("override_variables", ()),
        imports=imported_modules(tree, package),
    )


def _kind(bound: dict[str, ast.stmt]) -> Kind:
    if _accepts(bound.get("init"), range(1)) and _accepts(bound.get("start"), range(1, 3)):
        return "scenario"
    return "helper" if "required_variables" in bound else "ordinary"


def _accepts(binding: ast.stmt | None, counts: Sequence[int]) -> bool:
    """Tell whether a callback can be called with one of these numbers of arguments."""
    if not isinstance(binding, ast.FunctionDef | ast.AsyncFunctionDef) or binding.decorator_list:
        # What is assigned, imported or decorated takes what only its import would tell.
        return binding is not None
    parameters = binding.args
    most = len(parameters.posonlyargs) + len(parameters.args)
    least = most - len(parameters.defaults)
    return (
        isinstance(binding, ast.FunctionDef)
        and None not in parameters.kw_defaults
        and any(least <= n and (n <= most or parameters.vararg) for n in counts)
    )
