"""How closely a node is watched, as a command line says it to worker processes."""

from pathlib import Path

import pytest

from crowsg.cli.node import node
from crowsg.cli.watching import Watch


@pytest.mark.parametrize(
    ("watch", "arguments"),
    [
        pytest.param(Watch(), [], id="the-usual"),
        pytest.param(Watch(2.0), ["--stall-timeout", "2.000"], id="a-time"),
        pytest.param(Watch(0.0), ["--stall-timeout", "0.000"], id="never"),
        pytest.param(Watch(None, Path("notes")), ["--journal", "notes"], id="a-journal"),
        pytest.param(
            Watch(2.5, Path("notes")),
            ["--stall-timeout", "2.500", "--journal", "notes"],
            id="both",
        ),
    ],
)
def test_worker_processes_are_told_what_was_asked_for(watch: Watch, arguments: list[str]) -> None:
    assert watch.arguments() == arguments


def test_a_node_understands_what_it_is_told() -> None:
    told = Watch(2.5, Path("notes"))

    context = node.make_context("node", told.arguments())

    read = {name: context.params[name] for name in ("stall_timeout", "journal")}
    assert read == {"stall_timeout": 2.5, "journal": Path("notes")}
