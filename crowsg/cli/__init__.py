"""The ``crowsg`` command line: parse, call, print, exit code."""

import io
import logging
import sys
import traceback
from typing import Any

import click

from crowsg.cli.dist import dist
from crowsg.cli.keys import keys
from crowsg.cli.node import node
from crowsg.cli.run import run
from crowsg.cli.scenarios import scenarios
from crowsg.errors import EXIT_ABORTED, EXIT_INTERNAL, EXIT_USAGE, CrowsgError
from crowsg.text import line_of

_EXAMPLE = """\b
Example:
  crowsg run scenarios/messaging.py --users 1000 --user-rate 100/s
"""


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXAMPLE)
@click.version_option(package_name="crowsg")
def cli() -> None:
    """Load for systems with many stateful, long-lived users."""


for command in (run, node, dist, keys, scenarios):
    cli.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run a command and end the process with its exit code."""
    _log_to_stderr()
    _print_whatever_there_is()
    sys.exit(exit_code_of(arguments))  # noqa: TID251 - the command line ends the process


def _print_whatever_there_is() -> None:
    """Let text that the terminal's encoding lacks be escaped instead of ending the program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class _Stderr(logging.StreamHandler[Any]):
    """Writes to whatever stderr is at the moment: a live view puts itself in its place."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def _log_to_stderr() -> None:
    form = "%(levelname)s: %(message)s"
    logging.basicConfig(format=form, level=logging.WARNING, handlers=[_Stderr()])


def exit_code_of(arguments: list[str] | None = None) -> int:
    """Run a command; whatever it dies of becomes one line on stderr and an exit code."""
    try:
        return int(cli.main(arguments, prog_name="crowsg", standalone_mode=False) or 0)
    except CrowsgError as error:
        return _failed(str(error), error.ends_with())
    except click.ClickException as error:
        return _failed(error.format_message(), EXIT_USAGE)
    except (click.Abort, KeyboardInterrupt):
        return _failed("aborted", EXIT_ABORTED)
    except BrokenPipeError:
        return EXIT_INTERNAL
    except Exception as error:  # noqa: BLE001 - a fault of crowsg itself
        traceback.print_exc()
        return _failed(f"internal: {type(error).__name__}: {error}", EXIT_INTERNAL)


def _failed(text: str, code: int) -> int:
    click.echo(f"error: {line_of(text, 2000)}", err=True)
    return code
