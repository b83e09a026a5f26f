"""Whoever asks a command for help gets all of it, with an example that works."""

import re
import shlex

import click
import pytest

from tests.architecture.commands import commands, flags, help_of
from tests.architecture.package import ROOT, refuse

NAMES = list(commands())


def examples(name: str) -> list[list[str]]:
    """Return the command lines below ``Example:`` in a command's help, each in one piece."""
    _, _, below = help_of(name).partition("Example:")
    whole = re.sub(r"\s*\\\n\s*", " ", below)
    found = re.findall(r"^\s+(?:[A-Z_]+=\S+ )*(crowsg .*)$", whole, re.MULTILINE)
    return [shlex.split(line) for line in found]


def resolve(words: list[str]) -> tuple[str, list[str]]:
    """Split a command line into the name of the command and its arguments."""
    size = max(size for size in range(1, len(words) + 1) if " ".join(words[:size]) in NAMES)
    return " ".join(words[:size]), words[size:]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_says_what_it_does(name: str) -> None:
    assert commands()[name].help, f"give {name} a docstring"


@pytest.mark.parametrize("name", NAMES)
def test_every_command_shows_an_example_of_itself(name: str) -> None:
    shown = [" ".join(words) for words in examples(name)]

    assert any(line.startswith(name) for line in shown), (
        f"end the help of {name} with a line 'Example:' and below it a line '{name} ...'"
    )


@pytest.mark.parametrize("name", NAMES)
def test_examples_use_options_that_exist(name: str) -> None:
    used = [(resolve(words)[0], word) for words in examples(name) for word in words]

    refuse(
        (
            f"{command} {word}"
            for command, word in used
            if word.startswith("--") and word.partition("=")[0] not in flags(commands()[command])
        ),
        f"The example in the help of {name} uses options that the command lacks:",
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_option_has_help(name: str) -> None:
    refuse(
        (
            f"{name} {parameter.opts[0]}"
            for parameter in commands()[name].params
            if isinstance(parameter, click.Option) and not parameter.help
        ),
        "Give these options a help text:",
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_names_every_command(name: str) -> None:
    text = re.sub(r"[\s\[\]]+", " ", (ROOT / "README.md").read_text(encoding="utf-8"))

    assert re.search(rf"\b{name}\b", text), f"say in README.md what `{name}` does"
