"""Faults on order, at named places of crowsg, so that tests can break it where it hurts most.

``CROWSG_FAILPOINTS="before_snapshot=sleep(3);after_begin=2*raise(no luck)"`` says what happens
where. A number with a ``*`` says how often, from the first time on; without it, each time. Actions:

==========  ========================================================================================
sleep(s)    the greenlet sleeps so many seconds
block(s)    the whole process stands still for so many seconds, its event loop too
hang        the greenlet sleeps for ever
raise(text) ``RuntimeError(text)`` is raised
exit(code)  the process ends with that code, nothing is cleaned up
kill        the process kills itself with SIGKILL
==========  ========================================================================================

Without the variable a place costs a call that looks at an empty dictionary.
"""

import os
import re
import signal
from collections.abc import Callable, Mapping
from typing import NoReturn

import gevent
from gevent.monkey import get_original  # noqa: TID251 - blocking on purpose

from crowsg.errors import NodeError
from crowsg.text import shown

VARIABLE = "CROWSG_FAILPOINTS"

NAMES = frozenset(
    ("after_begin", "before_beat", "before_init", "before_snapshot", "before_terminate")
)
"""Every place there is."""

_EXAMPLE = f'{VARIABLE}="before_snapshot=sleep(3);after_begin=2*raise(no luck)"'
_POINT = re.compile(r"\s*(\w+)\s*=\s*(?:(\d+)\s*\*)?\s*(\w+)\s*(?:\((.*)\))?\s*\Z", re.DOTALL)
_A_DAY_S = 86_400.0

Act = Callable[[], object]


class Fault:
    """What happens at one place.

    Args:
        act: Does it.
        times: How often, from the first time on; None for each time.
    """

    def __init__(self, act: Act, times: int | None = None) -> None:
        self._act = act
        self._left = times

    def happen(self) -> None:
        """Do it, if it is to be done once more."""
        if self._left is not None:
            if self._left <= 0:
                return
            self._left -= 1
        self._act()


def failpoint(name: str) -> None:
    """Let happen what ``CROWSG_FAILPOINTS`` orders at a place; nothing where it is not set.

    Args:
        name: The place, one of ``NAMES``.

    Blocks: where that is ordered.
    """
    fault = _FAULTS.get(name)
    if fault is not None:
        fault.happen()


def read_faults(text: str) -> Mapping[str, Fault]:
    """Return what is to happen, by place.

    Args:
        text: As in ``CROWSG_FAILPOINTS``; "" for nothing.

    Raises:
        NodeError: It says nothing that can be done; the text names what is wrong.
    """
    return dict(_read(part) for part in text.split(";") if part.strip())


def check_failpoints() -> None:
    """Refuse a ``CROWSG_FAILPOINTS`` that cannot be read.

    Raises:
        NodeError: It cannot; the text names what is wrong.
    """
    read_faults(os.environ.get(VARIABLE, ""))


def _read(part: str) -> tuple[str, Fault]:
    match = _POINT.match(part)
    if match is None:
        raise NodeError(f"{shown(part.strip(), 60)} is no failpoint: try {_EXAMPLE}")
    name, times, action, argument = match.groups()
    if name not in NAMES:
        raise NodeError(f"there is no failpoint {name}: there are {', '.join(sorted(NAMES))}")
    return name, Fault(_act_of(action, argument), None if times is None else int(times))


def _act_of(action: str, argument: str | None) -> Act:
    make = _MAKERS.get(action)
    try:
        if make is None:
            raise ValueError(f"there are {', '.join(sorted(_MAKERS))}")
        return make(argument)
    except ValueError as error:
        told = action if argument is None else f"{action}({argument})"
        raise NodeError(f"{shown(told, 60)} is no action of a failpoint: {error}") from error


def _sleep(argument: str | None) -> Act:
    seconds = _seconds(argument)
    return lambda: gevent.sleep(seconds)


def _block(argument: str | None) -> Act:
    seconds = _seconds(argument)
    return lambda: get_original("time", "sleep")(seconds)


def _hang(argument: str | None) -> Act:
    _refuse(argument)
    return _hang_for_ever


def _raise(argument: str | None) -> Act:
    if argument is None:
        raise ValueError("it takes a text, as in raise(no luck)")
    text = argument

    def act() -> NoReturn:
        raise RuntimeError(text)

    return act


def _exit(argument: str | None) -> Act:
    if argument is None or not argument.strip().isdecimal() or int(argument) > 255:
        raise ValueError("it takes an exit code from 0 to 255, as in exit(9)")
    code = int(argument)
    return lambda: os._exit(code)


def _kill(argument: str | None) -> Act:
    _refuse(argument)
    return lambda: os.kill(os.getpid(), signal.SIGKILL)


def _seconds(argument: str | None) -> float:
    try:
        seconds = float(argument or "")
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _A_DAY_S:
        raise ValueError("it takes seconds, at most a day of them, as in sleep(0.5)")
    return seconds


def _refuse(argument: str | None) -> None:
    if argument is not None:
        raise ValueError("it takes nothing")


def _hang_for_ever() -> NoReturn:
    while True:
        gevent.sleep(_A_DAY_S)


_MAKERS = {
    "block": _block,
    "exit": _exit,
    "hang": _hang,
    "kill": _kill,
    "raise": _raise,
    "sleep": _sleep,
}


def _faults_of_environment() -> Mapping[str, Fault]:
    try:
        return read_faults(os.environ.get(VARIABLE, ""))
    except NodeError:
        # An import has no effect: a node refuses it when it starts.
        return {}


_FAULTS = _faults_of_environment()
