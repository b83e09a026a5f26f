"""The names that users and tools rely on, as the project's contract lists them.

Here and nowhere else in the tests; whoever changes a row changes the contract, and CHANGELOG.
"""

import re
from dataclasses import fields
from typing import Any, get_args

import pytest

from crowsg import errors
from crowsg.config.variable import RESERVED_NAMES
from crowsg.controller.status import State
from crowsg.health.record import HealthSummary
from crowsg.summary import Summary
from crowsg.users.counts import Outcome, UserCounts
from tests.architecture.commands import commands, flags
from tests.architecture.package import modules, refuse

COMMANDS = {
    "run", "run1", "console", "node", "start", "status", "attach", "logs", "stop", "dist",
    "scenarios", "check", "keys", "report", "compare", "grafana-dashboard", "api",
}  # fmt: skip

# The flags of each command: those it has already, and those it will get.
FLAGS = {
    "crowsg run": (
        "users ids user-rate arrivals duration max-duration stop-timeout set config out linger "
        "fail-on-saturation quiet json nodes name bind keys expect-nodes wait cluster advertise "
        "on-node-loss journal stall-timeout help",
        "fail-if junit log-level log-json",
    ),
    "crowsg node": ("name bind join keys cluster parent advertise journal stall-timeout help", ""),
    "crowsg dist do": (
        "users user-rate stop-timeout set config node keys cluster json help",
        "",
    ),
    "crowsg dist": ("help", ""),
    "crowsg dist add": ("nodes node keys cluster json help", ""),
    "crowsg dist remove": ("force nodes node keys cluster json help", ""),
    "crowsg dist update": ("nodes node keys cluster json help", ""),
    "crowsg dist stop": ("node keys cluster json help", ""),
    "crowsg dist state": ("node keys cluster json help", ""),
    "crowsg dist nodes": ("node keys cluster json help", ""),
    "crowsg dist upload": ("node keys cluster json help", ""),
    "crowsg keys": ("help", ""),
    "crowsg keys new": ("name keys help", ""),
    "crowsg keys allow": ("name keys help", ""),
    "crowsg keys list": ("keys json help", ""),
    "crowsg scenarios": ("json help", ""),
    "crowsg scenarios list": ("json help", ""),
    "crowsg scenarios info": ("json help", ""),
}

EXIT_CODES = {
    "EXIT_OK": 0,
    "EXIT_INTERNAL": 1,
    "EXIT_USAGE": 2,
    "EXIT_SCENARIO_FAILED": 3,
    "EXIT_NODES": 4,
    "EXIT_STUCK": 5,
    "EXIT_ABORTED": 97,
    "EXIT_SATURATED": 98,
}

RESERVED = {
    "NODES", "NODE", "NAME", "BIND", "KEYS", "EXTRA_CODE_PATHS", "CONFIG_PARSER", "CONFIG",
    "USER_RATE", "STOP_TIMEOUT", "PROMETHEUS_HOST", "PROMETHEUS_PORT", "API_HOST", "API_PORT",
    "GRAPHITE_HOST", "GRAPHITE_PORT", "GRAPHITE_PREFIX", "LOG_LEVEL", "RUN_DIR", "JOURNAL",
    "STALL_TIMEOUT", "FAILPOINTS",
}  # fmt: skip

OUTCOMES = {"finished", "failed", "removed", "killed", "cancelled", "lost"}
USER_WORDS = {"asked", "waiting", "running", "stuck"} | OUTCOMES
STATES = {"idle", "running", "terminating", "finished", "error", "disabled"}

SUMMARY = {
    "schema", "crowsg", "python", "run_id", "scenario", "settings", "started_at", "ended_at",
    "duration_s", "exit_code", "exit_reason", "users", "operations", "counters", "gauges", "checks",
    "throttles", "coordinators", "errors", "nodes", "health", "events", "thresholds",
}  # fmt: skip


def summary() -> Summary:
    health = HealthSummary(0.0, (), 0.0, 0.0, None, None, 0.0, 0, 0, ())
    told: tuple[Any, ...] = ({}, {}, {}, {}, {}, (), (), health, ())
    return Summary("id", "chat", {}, 0.0, 0.0, 0, "", UserCounts(), *told)


def long(names: str) -> set[str]:
    return {f"--{name}" for name in names.split()}


def test_commands_are_those_of_the_contract() -> None:
    found = {name.split()[1] for name in commands() if " " in name}

    refuse(found - COMMANDS, "Commands the contract does not know: rename or take them out:")


def test_every_command_has_its_flags_listed() -> None:
    leaves = {name for name in commands() if " " in name}

    refuse(leaves ^ set(FLAGS), "Give each command, and only these, a row in FLAGS of this file:")


@pytest.mark.parametrize("name", FLAGS)
def test_flags_are_those_of_the_contract(name: str) -> None:
    present, planned = map(long, FLAGS[name])
    found = flags(commands()[name])

    refuse(present - found, f"{name} lost flags that people use:")
    refuse(found - present - planned, f"Flags of {name} the contract does not know:")
    refuse(found & planned, f"Built by now: move to the first text of {name} in FLAGS:")


def test_exit_codes_are_those_of_the_contract() -> None:
    found = {name: value for name, value in vars(errors).items() if name.startswith("EXIT_")}

    assert found == EXIT_CODES, "exit codes are promised: change the contract first, then both"


def test_every_error_ends_a_command_with_a_code_of_the_contract() -> None:
    found = {
        name: error.exit_code
        for name, error in vars(errors).items()
        if isinstance(error, type) and issubclass(error, errors.CrowsgError)
    }

    refuse(
        (f"{name}: {code}" for name, code in found.items() if code not in EXIT_CODES.values()),
        "Use one of the EXIT_ constants of crowsg/errors.py as exit_code:",
    )


def test_reserved_variable_names_are_those_of_the_contract() -> None:
    assert {name.lower() for name in RESERVED} == RESERVED_NAMES, (
        "crowsg/config/variable.py: RESERVED_NAMES must be the contract's list"
    )


def test_every_environment_variable_in_the_code_is_reserved() -> None:
    refuse(
        {
            f"{module.file}: CROWSG_{name}"
            for module in modules()
            for name in re.findall(r"\bCROWSG_([A-Z][A-Z_]*)", module.text)
            if name not in RESERVED
        },
        "The contract does not reserve these, so a scenario could declare a variable of the name:",
    )


def test_user_words_are_those_of_the_contract() -> None:
    assert {field.name for field in fields(UserCounts)} == USER_WORDS, "see UserCounts"
    assert set(get_args(Outcome)) == OUTCOMES, "see crowsg/users/counts.py"


def test_controller_states_are_those_of_the_contract() -> None:
    assert set(get_args(State)) == STATES, "see crowsg/controller/status.py"


def test_summary_keys_are_those_of_the_contract() -> None:
    refuse(set(summary().as_dict()) - SUMMARY, "Keys of summary.json the contract does not know:")
