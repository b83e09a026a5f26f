"""``crowsg scenarios``: what there is to run, without running or importing any of it."""

import json
import os
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import click
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from crowsg.code.server import CodeServer, code_paths
from crowsg.scenario.dependencies import Dependencies, examine
from crowsg.source import (
    Declaration,
    DeclaredVariable,
    Expression,
    Source,
    closure,
    declarations,
    read,
)
from crowsg.text import MASK

_CUT = 60
# Piped text is for other programs: one line stays one line.
_UNLIMITED_WIDTH = 100_000


def _example(*commands: str) -> str:
    return "\n  ".join(["\b\nExample:", *commands])


_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(
    invoke_without_command=True,
    epilog=_example("crowsg scenarios", "crowsg scenarios info chat"),
)
@_as_json
@click.pass_context
def scenarios(context: click.Context, as_json: bool) -> None:
    """Show the scenarios this node knows; without a command, list them.

    Looks into ./scenarios and the folders of CROWSG_EXTRA_CODE_PATHS. Nothing is imported.
    """
    if as_json:
        context.default_map = {name: {"as_json": True} for name in ("list", "info")}
    if context.invoked_subcommand is None:
        context.invoke(list_scenarios, as_json=as_json)


@scenarios.command(
    "list",
    epilog=_example(
        "crowsg scenarios list",
        "CROWSG_EXTRA_CODE_PATHS=~/load crowsg scenarios list --json",
    ),
)
@_as_json
def list_scenarios(as_json: bool) -> None:
    """List the scenarios: name, first line of the docstring, file.

    Files that cannot be parsed are named on stderr.
    """
    server = _server()
    found, unreadable = server.scenarios(), server.unreadable()
    if as_json:
        _print_json(
            {
                "scenarios": [_summary_data(source) for source in found],
                "unreadable": [{"path": str(path), "problem": why} for path, why in unreadable],
            }
        )
    elif found:
        rows = [(source.name, source.summary, _short_path(source.path)) for source in found]
        _print(_table(("scenario", "what it does", "file"), rows))
    else:
        click.echo(f"no scenarios in {_names(server.folders) or './scenarios'}", err=True)
    for path, why in unreadable:
        click.echo(f"unreadable: {_short_path(path)}: {' '.join(why.split())}", err=True)


@scenarios.command(
    "info",
    epilog=_example("crowsg scenarios info scenarios/chat.py", "crowsg scenarios info chat --json"),
)
@click.argument("file")
@_as_json
def show_scenario(file: str, as_json: bool) -> None:
    """Describe the scenario FILE, a path or the name of a module.

    Shows its docstring, callbacks, dependencies, and the variables that it and the modules it
    imports declare. Works also where an import of it would fail.
    """
    server = _server()
    path = server.find(file)
    source = read(path)
    variables = declarations(closure(source, (path.parent, *server.folders)))
    needs = examine(path)
    if as_json:
        _print_json(_info_data(source, variables, needs))
    else:
        _print(_info(source, variables, needs))


def _server() -> CodeServer:
    server = CodeServer(code_paths(os.environ.get("CROWSG_EXTRA_CODE_PATHS", "")))
    server.check()
    return server


def _summary_data(source: Source) -> dict[str, Any]:
    return {
        "name": source.name,
        "summary": source.summary,
        "path": str(source.path.absolute()),
    }


def _info_data(
    source: Source, variables: Iterable[Declaration], needs: Dependencies
) -> dict[str, Any]:
    return {
        "name": source.name,
        "path": str(source.path.absolute()),
        "kind": source.kind,
        "doc": source.doc,
        "callbacks": source.callbacks,
        "variables": [_variable_data(declaration) for declaration in variables],
        "dependencies": {
            "requirements": needs.requirements,
            "requires_python": needs.requires_python,
            "met": not needs.problems,
            "problems": needs.problems,
        },
    }


def _variable_data(declaration: Declaration) -> dict[str, Any]:
    variable = declaration.variable
    return {
        "module": declaration.module,
        "name": variable.name,
        "has_default": variable.has_default,
        "default": _default_data(variable),
        "verify": _verify(variable),
        "update": _update(variable),
        "description": variable.description,
        "secret": variable.secret,
        "overridden": declaration.overridden,
    }


def _default_data(variable: DeclaredVariable) -> Any:
    if not variable.has_default:
        return None
    if variable.secret or isinstance(variable.default, Expression):
        return _default(variable)
    try:
        json.dumps(variable.default, allow_nan=False)
    except (TypeError, ValueError):
        return _default(variable)
    return variable.default


def _default(variable: DeclaredVariable) -> str:
    if not variable.has_default:
        return "(required)"
    if variable.secret:
        return MASK
    default = variable.default
    return str(default) if isinstance(default, Expression) else repr(default)


def _update(variable: DeclaredVariable) -> str:
    return {"": "read-only", "True": "yes"}.get(variable.update, variable.update)


def _info(source: Source, variables: Iterable[Declaration], needs: Dependencies) -> RenderableType:
    facts = [
        ("module" if source.kind == "ordinary" else source.kind, source.name),
        ("file", _short_path(source.path)),
        ("callbacks", ", ".join(source.callbacks) or "none"),
        ("dependencies", _names(needs.requirements) or "none"),
        *([("python", needs.requires_python)] if needs.requires_python else []),
        *(("unmet", problem) for problem in needs.problems),
    ]
    parts: list[RenderableType] = [_facts(facts)]
    if source.doc:
        parts += [Text(), Text(source.doc)]
    for module, declared in groupby(variables, lambda declaration: declaration.module):
        parts += [Text(), Text(f"variables of {module}"), _variables(declared)]
    return Group(*parts)


def _verify(variable: DeclaredVariable) -> str:
    """Return what a value is judged by; the allowed values of a secret are secret too."""
    return MASK if variable.secret and variable.verify else variable.verify


def _variables(declared: Iterable[Declaration]) -> Table:
    rows = [
        (
            declaration.variable.name + (" (overridden)" if declaration.overridden else ""),
            _cut(_default(declaration.variable)),
            _update(declaration.variable),
            _cut(_verify(declaration.variable)),
            declaration.variable.description,
        )
        for declaration in declared
    ]
    return _table(("name", "default", "update", "verify", "description"), rows)


def _facts(rows: Iterable[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*(Text(cell, overflow="fold") for cell in row))
    return table


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(*columns, box=None, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*(Text(cell, overflow="fold") for cell in row))
    return table


def _print(content: RenderableType) -> None:
    console = Console(highlight=False, emoji=False)
    if console.is_terminal:
        console.print(content)
        return
    plain = Console(width=_UNLIMITED_WIDTH, highlight=False, emoji=False)
    with plain.capture() as capture:
        plain.print(content)
    click.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))


def _print_json(data: dict[str, Any]) -> None:
    click.echo(json.dumps(data, indent=2))


def _short_path(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _names(items: Iterable[object]) -> str:
    return ", ".join(str(item) for item in items)


def _cut(text: str) -> str:
    return text if len(text) <= _CUT else text[: _CUT - 3] + "..."
