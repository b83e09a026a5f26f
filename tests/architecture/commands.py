"""The command line as a table: every command with its full name."""

from collections.abc import Iterator

import click

from crowsg.cli import cli


def commands() -> dict[str, click.Command]:
    """Return every command by its words, ``crowsg scenarios info``; groups are commands too."""
    return dict(_below("crowsg", cli))


def _below(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        for word, child in command.commands.items():
            yield from _below(f"{name} {word}", child)


def flags(command: click.Command, name: str = "crowsg") -> set[str]:
    """Return the long options of a command, ``--help`` included."""
    context = click.Context(command, info_name=name)
    return {
        spelling
        for parameter in command.get_params(context)
        for spelling in parameter.opts
        if spelling.startswith("--")
    }


def help_of(name: str) -> str:
    """Return what ``--help`` shows for a command."""
    command = commands()[name]
    return command.get_help(click.Context(command, info_name=name, max_content_width=200))
