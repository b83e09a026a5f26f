"""Where a thread stands is told by the scenario's code, and where it may be broken off."""

import json
import re
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import gevent
import pytest

import crowsg
from crowsg.health.places import is_breakable, place_of, stack_of
from tests.support.nodes import Bench, make_scenario

SCENARIO = "/srv/load/chat.py"
STDLIB = sysconfig.get_path("stdlib")
PACKAGE = str(Path(crowsg.__file__).parent)


def seen_in(text: str, see: Callable[[FrameType], Any], file: str = SCENARIO, **names: Any) -> Any:
    """Return what is seen where the thread stands that calls ``look`` in ``run`` of such a file."""
    seen: list[Any] = []

    def look(*_: object) -> str:
        seen.append(see(sys._getframe(1)))
        return ""

    scope = {"look": look, "json": json, "re": re, **names}
    exec(compile(text, file, "exec"), scope)
    # On a greenlet, so that nothing but the text calls.
    gevent.spawn(scope["run"]).get()
    return seen[0]


def place_in(text: str, file: str = SCENARIO, **names: Any) -> str:
    """Return the place of a file of this text that calls ``look`` in ``run``."""
    place: str = seen_in(text, place_of, file, **names)
    return place


def load(text: str, file: str) -> Callable[..., Any]:
    """Return the function ``helper`` of a file of this text."""
    scope: dict[str, Any] = {}
    exec(compile(text, file, "exec"), scope)
    helper: Callable[..., Any] = scope["helper"]
    return helper


HELPER = "def helper(look):\n    look()\n"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param("def run():\n\n    look()", r"run \(chat\.py:3\)", id="its own line"),
        pytest.param(
            "class Bob:\n def talk(self):\n  look()\ndef run():\n Bob().talk()",
            r"Bob\.talk \(chat\.py:3\)",
            id="a method",
        ),
        pytest.param(
            "def step():\n look()\ndef run():\n step()", r"step \(chat\.py:2\)", id="the innermost"
        ),
        pytest.param(
            "def run():\n json.dumps(object(), default=look)",
            r"run \(chat\.py:2\) calling JSONEncoder\.iterencode \(encoder\.py:\d+\)",
            id="json",
        ),
        pytest.param(
            "def run():\n re.sub('a', look, 'aaa')",
            r"run \(chat\.py:2\) calling sub \(__init__\.py:\d+\)",
            id="re",
        ),
        pytest.param(
            "def default(_):\n return look()\ndef run():\n json.dumps(object(), default=default)",
            r"default \(chat\.py:2\)",
            id="called back",
        ),
    ],
)
def test_the_place_is_the_innermost_code_of_the_scenario(text: str, place: str) -> None:
    assert re.fullmatch(place, place_in(text))


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(f"{STDLIB}/helper.py", id="standard library"),
        pytest.param(f"{sysconfig.get_path('purelib')}/pack/helper.py", id="installed"),
        pytest.param(f"{sysconfig.get_path('scripts')}/helper.py", id="script"),
        pytest.param(f"{PACKAGE}/users/helper.py", id="crowsg"),
        pytest.param("<frozen helper.py", id="frozen"),
    ],
)
def test_what_a_scenario_calls_is_named_behind_it(file: str) -> None:
    helper = load(HELPER, file)

    place = place_in("def run():\n helper(look)", helper=helper)

    assert place == f"run (chat.py:2) calling helper ({file.rpartition('/')[2]}:2)"


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(f"{STDLIB}-of-mine/helper.py", id="beside the standard library"),
        pytest.param(f"{PACKAGE}_scenarios/helper.py", id="beside crowsg"),
        pytest.param("helper.py", id="relative"),
    ],
)
def test_a_folder_with_a_similar_name_is_no_library(file: str) -> None:
    helper = load(HELPER, file)

    assert place_in("def run():\n helper(look)", helper=helper) == "helper (helper.py:2)"


def test_where_only_libraries_run_the_innermost_is_named() -> None:
    text = "def step():\n look()\ndef run():\n step()"

    assert place_in(text, f"{STDLIB}/queue.py") == "step (queue.py:2)"


@pytest.mark.parametrize("name", ["chat\x1b[2J.py", "chat\n.py", "\udcff.py", "c" * 5000])
def test_a_place_is_a_short_printable_line(name: str) -> None:
    place = place_in("def run():\n look()", f"/srv/{name}")

    assert place.isprintable()
    assert len(place) < 600


def is_breakable_here(frame: FrameType) -> bool:
    return is_breakable(stack_of(frame))


def test_the_stack_of_a_greenlet_is_its_own_from_the_inside_out() -> None:
    text = "def step():\n look()\ndef run():\n step()"

    stack = seen_in(text, lambda frame: [each.f_code.co_name for each in stack_of(frame)])

    assert stack == ["step", "run"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("def run():\n look()", id="its own line"),
        pytest.param("def run():\n json.dumps(object(), default=look)", id="in a library"),
    ],
)
def test_a_scenario_is_broken_also_in_what_it_calls(text: str) -> None:
    assert seen_in(text, is_breakable_here)


@pytest.mark.parametrize(
    "file",
    [f"{STDLIB}/json/encoder.py", f"{PACKAGE}/report/table.py"],
    ids=["standard library", "crowsg"],
)
def test_where_only_libraries_run_nothing_is_broken(file: str) -> None:
    assert not seen_in("def run():\n json.dumps(object(), default=look)", is_breakable_here, file)


def test_an_import_is_not_broken(tmp_path: Path) -> None:
    (tmp_path / "imported_slowly.py").write_text("import builtins\nbuiltins.look_of_a_test()")
    text = f"""
import builtins, sys
def run():
    builtins.look_of_a_test = look
    sys.path.insert(0, {str(tmp_path)!r})
    try:
        import imported_slowly
    finally:
        sys.path.remove({str(tmp_path)!r})
        del builtins.look_of_a_test, sys.modules["imported_slowly"]
"""

    assert not seen_in(text, is_breakable_here)


def test_a_callback_of_the_loop_is_not_broken() -> None:
    seen: list[bool] = []

    def call_back() -> None:
        seen.append(is_breakable_here(sys._getframe()))

    gevent.get_hub().loop.run_callback(call_back)
    gevent.sleep(0)

    assert seen == [False]


def test_the_user_is_named_whose_greenlet_it_is() -> None:
    """R8: a stall is told with its user."""
    seen: list[str] = []
    bench = Bench()
    scenario = make_scenario(lambda user_id: seen.append(place_of(sys._getframe())))
    with bench.node:
        bench.node.local.do(scenario, 3, {"user_rate": "infinity"})
        bench.clock.advance(1)

    assert [each.partition(" in ")[0] for each in seen] == ["user 1", "user 2", "user 3"]
