"""From a file to a scenario: imported afresh, everything wrong with it named, nothing shadowed."""

import functools
import importlib
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from crowsg.config import Variable
from crowsg.errors import (
    InvalidScenario,
    InvalidSetting,
    NameTaken,
    NoCurrentNode,
    UnmetDependencies,
)
from crowsg.scenario.loading import Place, Scenario, from_module, load

SOUND = "def init(): pass\ndef start(user_id): pass\n"

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Iterator[Write]:
    """Returns a function that writes a file; what is imported meanwhile is forgotten."""
    paths, modules = list(sys.path), set(sys.modules)

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    yield write
    sys.path[:] = paths
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def scenario(**attributes: Any) -> Scenario:
    """Return the scenario of a module with these attributes."""
    module = types.ModuleType("made")
    module.__dict__.update({"init": lambda: None, "start": lambda user_id: None, **attributes})
    return from_module(module)


def problems_of(**attributes: Any) -> tuple[str, ...]:
    """Return what is wrong with such a scenario."""
    with pytest.raises(InvalidScenario) as caught:
        scenario(**attributes)
    return caught.value.problems


def declared(loaded: Scenario) -> dict[str, list[str]]:
    """Return the names of the variables of each module."""
    return {
        of.module: [str(getattr(variable, "name", variable)) for variable in of.required]
        for of in loaded.declarations
    }


class Callbacks:
    """Callbacks that are methods."""

    def start(self, user_id: int) -> int:
        return user_id

    def __call__(self, user_id: int, state: object) -> tuple[int, object]:
        return user_id, state


async def coroutine(*_: object) -> None: ...


async def asynchronous_generator(*_: object) -> Any:
    yield 1


def generator(*_: object) -> Any:
    yield 1


class AsynchronousCall:
    async def __call__(self, *_: object) -> None: ...


@pytest.mark.parametrize(
    ("start", "result"),
    [
        pytest.param(lambda user_id: (user_id,), (7,), id="user id"),
        pytest.param(lambda user_id, state: (user_id, state), (7, "s"), id="user id and state"),
        pytest.param(lambda user_id, state=0: (user_id, state), (7, "s"), id="optional state"),
        pytest.param(lambda *args: args, (7, "s"), id="any number"),
        pytest.param(lambda user_id, *, b=1: (user_id, b), (7, 1), id="optional keyword"),
        pytest.param(lambda a, b, c=1: (a, b, c), (7, "s", 1), id="one more, with a default"),
        pytest.param(Callbacks().start, 7, id="method"),
        pytest.param(Callbacks(), (7, "s"), id="callable object"),
        pytest.param(functools.partial(lambda a, b: (a, b), 1), (1, 7), id="partial"),
    ],
)
def test_start_is_called_with_the_user_id_and_the_state_it_wants(
    start: Callable[..., object], result: object
) -> None:
    assert scenario(start=start).start(7, "s") == result


@pytest.mark.parametrize(
    ("terminate", "result"),
    [
        pytest.param(lambda: (), (), id="nothing"),
        pytest.param(lambda state: (state,), ("s",), id="state"),
        pytest.param(lambda state=0: (state,), ("s",), id="optional state"),
        pytest.param(lambda *args: args, ("s",), id="any number"),
    ],
)
def test_terminate_is_called_with_the_state_if_it_wants_it(
    terminate: Callable[..., object], result: object
) -> None:
    called = scenario(terminate=terminate).terminate

    assert called is not None
    assert called("s") == result


@pytest.mark.parametrize("name", ["init", "setup", "teardown"])
@pytest.mark.parametrize(
    "callback",
    [
        pytest.param(lambda: "done", id="nothing"),
        pytest.param(lambda a=1: "done", id="optional"),
        pytest.param(lambda *args, **kwargs: "done", id="any number"),
    ],
)
def test_other_callbacks_are_called_without_arguments(
    name: str, callback: Callable[..., str]
) -> None:
    assert getattr(scenario(**{name: callback}), name)() == "done"


@pytest.mark.parametrize("name", ["terminate", "setup", "teardown"])
def test_an_optional_callback_may_be_missing(name: str) -> None:
    assert getattr(scenario(), name) is None


@pytest.mark.parametrize(
    ("attributes", "problem"),
    [
        pytest.param({"init": None}, "init is missing", id="no init"),
        pytest.param({"start": None}, "start is missing", id="no start"),
        pytest.param({"init": 17}, "init is no function", id="init: number"),
        pytest.param({"teardown": "text"}, "teardown is no function", id="teardown: text"),
        pytest.param({"init": lambda a: 1}, "init must take 0 argument(s)", id="init: one"),
        pytest.param({"start": lambda: 1}, "start must take 1 or 2 argument(s)", id="start: none"),
        pytest.param(
            {"start": lambda a, b, c: 1}, "start must take 1 or 2 argument(s)", id="start: three"
        ),
        pytest.param(
            {"start": lambda a, *, b: 1}, "start must take 1 or 2 argument(s)", id="start: keyword"
        ),
        pytest.param(
            {"terminate": lambda a, b: 1},
            "terminate must take 0 or 1 argument(s)",
            id="terminate: two",
        ),
        pytest.param({"setup": lambda a: 1}, "setup must take 0 argument(s)", id="setup: one"),
        pytest.param({"teardown": lambda a: 1}, "teardown must take 0 arg", id="teardown: one"),
    ],
)
def test_a_wrong_callback_is_refused(attributes: dict[str, Any], problem: str) -> None:
    (found,) = problems_of(**attributes)

    assert found.startswith(problem)


@pytest.mark.parametrize("name", ["init", "start", "terminate", "setup", "teardown"])
@pytest.mark.parametrize(
    "callback",
    [
        coroutine,
        generator,
        asynchronous_generator,
        AsynchronousCall(),
        functools.partial(coroutine, 1),
    ],
    ids=["coroutine", "generator", "asynchronous generator", "asynchronous object", "partial"],
)
def test_a_callback_that_would_only_make_an_object_is_refused(name: str, callback: object) -> None:
    assert problems_of(**{name: callback}) == (
        f"{name} is asynchronous or a generator; scenarios are plain blocking code",
    )


def test_everything_wrong_with_a_scenario_is_named_at_once() -> None:
    problems = problems_of(init=None, start=coroutine, terminate=17, setup=lambda a: 1)

    assert [problem.split()[0] for problem in problems] == ["init", "start", "terminate", "setup"]


@pytest.mark.parametrize("kind", [list, tuple])
def test_declarations_are_taken_in_their_order(kind: Callable[[object], object]) -> None:
    """amoc case 43."""
    variables = [Variable("b", "first"), Variable("a", "second")]

    loaded = scenario(required_variables=kind(variables), override_variables=kind(variables[:1]))

    assert loaded.declarations[0].required == tuple(variables)
    assert loaded.declarations[0].overrides == tuple(variables[:1])


def test_a_single_declaration_needs_no_list() -> None:
    """amoc case 43."""
    variable = Variable("a", "the only one")

    assert scenario(required_variables=variable).declarations[0].required == (variable,)


@pytest.mark.parametrize("value", [None, 17, "port", {"name": "port"}, {Variable("a", "b")}])
def test_what_is_no_list_is_left_to_be_judged_as_one_declaration(value: object) -> None:
    assert scenario(required_variables=value).declarations[0].required == (value,)


def test_a_scenario_without_declarations_has_none() -> None:
    assert scenario().declarations[0].required == ()


def test_functions_of_the_module_are_found_by_name() -> None:
    loaded = scenario(check=len)

    assert loaded.declarations[0].resolve("check") is len
    assert loaded.declarations[0].resolve("missing") is None


def test_a_file_is_loaded_as_a_module_of_its_name(write: Write) -> None:
    path = write("crows_in_a_file.py", "def init(): return __name__\ndef start(user_id): pass\n")

    loaded = load(path, [])

    assert (loaded.name, loaded.init()) == ("crows_in_a_file", "crows_in_a_file")


def test_a_scenario_may_define_what_needs_its_module(write: Write) -> None:
    code = "from __future__ import annotations\nfrom dataclasses import dataclass\n"
    code += "@dataclass\nclass State:\n    size: int = 1\n"

    load(write("crows_with_state.py", code + SOUND), [])


@pytest.mark.parametrize("versions", [("1", "2"), ("1", "22")], ids=["same size", "another size"])
def test_a_file_that_changed_is_loaded_anew(
    write: Write, monkeypatch: pytest.MonkeyPatch, versions: tuple[str, str]
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    results = []

    for version in versions:
        code = f"def init(): return {version}\ndef start(user_id): pass\n"
        results.append(load(write("crows_that_change.py", code), []).init())

    assert results == [int(version) for version in versions]


def test_every_load_gives_a_fresh_module(write: Write) -> None:
    path = write("crows_afresh.py", "seen = []\ndef init(): return seen\ndef start(i): pass\n")
    load(path, []).init().append(1)

    assert load(path, []).init() == []


def test_no_bytecode_is_left_beside_the_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)

    path = write("crows_without_cache.py", SOUND)
    load(path, [])

    assert [found.name for found in path.parent.iterdir()] == ["crows_without_cache.py"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        pytest.param("import nowhere_to_be_found", "ModuleNotFoundError", id="missing module"),
        pytest.param("1 / 0", r"ZeroDivisionError: division by zero \(\w+.py:1", id="crash"),
        pytest.param("raise SystemExit(3)", "SystemExit: 3", id="SystemExit"),
        pytest.param("import sys; sys.exit()", "SystemExit", id="sys.exit"),
        pytest.param("def f(): f()\nf()", "RecursionError", id="recursion"),
        pytest.param(
            "class U(Exception):\n    def __str__(self): 1 / 0\nraise U", "U: <unprin", id="no text"
        ),
    ],
)
def test_a_scenario_that_cannot_be_imported_is_refused(write: Write, code: str, said: str) -> None:
    with pytest.raises(InvalidScenario, match=f"importing it raised {said}"):
        load(write("crows_that_crash.py", code), [])

    assert "crows_that_crash" not in sys.modules


@pytest.mark.parametrize(
    ("code", "said"),
    [
        pytest.param("def init(:", "line 1", id="syntax error"),
        pytest.param("x = '\0'", "null byte", id="NUL"),
        pytest.param("x = " + "(" * 10_000, "line 1|nested", id="nested too deeply"),
        pytest.param("", "init is missing; start is missing", id="empty"),
    ],
)
def test_a_file_that_is_no_scenario_is_refused(write: Write, code: str, said: str) -> None:
    with pytest.raises(InvalidScenario, match=said) as caught:
        load(write("no_crows.py", code), [])

    assert caught.value.exit_code == 2


@pytest.mark.parametrize("name", ["missing.py", "."])
def test_what_is_no_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidScenario):
        load(tmp_path / name, [])


def test_a_file_of_another_kind_is_refused(write: Write) -> None:
    with pytest.raises(InvalidScenario, match="is no Python file"):
        load(write("crows.txt", SOUND), [])


def test_ctrl_c_during_an_import_is_not_the_scenario_s(write: Write) -> None:
    with pytest.raises(KeyboardInterrupt):
        load(write("crows_interrupted.py", "raise KeyboardInterrupt"), [])

    assert "crows_interrupted" not in sys.modules


@pytest.mark.parametrize("error", [NoCurrentNode, InvalidSetting])
def test_an_error_of_crowsg_is_told_as_it_is(write: Write, error: type[Exception]) -> None:
    code = "from crowsg import config, errors\n"
    code += "config.get('port')" if error is NoCurrentNode else "raise errors.InvalidSetting('x')"

    with pytest.raises(error):
        load(write("crows_too_early.py", code), [])


def test_a_failed_load_leaves_the_module_of_before(write: Write) -> None:
    load(write("crows_of_before.py", SOUND), [])
    before = sys.modules["crows_of_before"]

    with pytest.raises(InvalidScenario):
        load(write("crows_of_before.py", "1 / 0"), [])

    assert sys.modules["crows_of_before"] is before


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("json.py", id="standard library"),
        pytest.param("sys.py", id="built in"),
        pytest.param("antigravity.py", id="standard library, not imported"),
        pytest.param("click.py", id="installed and imported"),
        pytest.param("crowsg.py", id="crowsg itself"),
    ],
)
def test_a_name_of_an_installed_module_is_taken(write: Write, name: str) -> None:
    with pytest.raises(NameTaken, match=f"{name[:-3]}.*rename the file"):
        load(write(name, SOUND), [])


def test_a_name_of_a_module_that_is_installed_and_not_imported_is_taken(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(write("site-packages/crows_of_others.py", SOUND).parent)

    with pytest.raises(NameTaken, match=r"site-packages/crows_of_others\.py; rename"):
        load(write("crows_of_others.py", SOUND), [])


def test_a_name_of_a_module_made_by_hand_is_taken(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "made_by_hand", types.ModuleType("made_by_hand"))

    with pytest.raises(NameTaken, match="a module that is no file"):
        load(write("made_by_hand.py", SOUND), [])


def test_a_scenario_of_the_same_name_takes_the_place_of_the_last_one(write: Write) -> None:
    load(write("crows_twice.py", SOUND), [])
    other = write("other/crows_twice.py", "def init(): return 2\ndef start(user_id): pass\n")

    assert load(other, []).init() == 2


def test_nothing_in_the_scenario_s_folder_shadows_what_is_installed(write: Write) -> None:
    write("antigravity.py", "raise SystemExit('shadowed')")
    before = [entry for entry in sys.path if not isinstance(entry, Place)]

    load(write("crows_beside_it.py", SOUND), [])

    assert sys.path[: len(before)] == before


def test_variables_of_helpers_are_found_through_imports(write: Write, tmp_path: Path) -> None:
    declare = "from crowsg import Variable\nrequired_variables = [Variable('{0}', 'of a helper')]\n"
    write("helper_beside.py", "import helper_further\n" + declare.format("beside"))
    write("helper_further.py", declare.format("further"))
    write("elsewhere/helper_elsewhere.py", declare.format("elsewhere"))
    write("not_imported.py", declare.format("stranger"))
    code = "import helper_beside\nfrom helper_elsewhere import Variable\n" + SOUND

    loaded = load(
        write("crows_with_helpers.py", code + declare.format("own")), [tmp_path / "elsewhere"]
    )

    assert declared(loaded) == {
        "crows_with_helpers": ["own"],
        "helper_beside": ["beside"],
        "helper_further": ["further"],
        "helper_elsewhere": ["elsewhere"],
    }


def test_only_the_scenario_overrides(write: Write) -> None:
    code = "from crowsg import Variable\n"
    code += "required_variables = override_variables = [Variable('{}', 'a thing')]\n"
    write("helper_that_overrides.py", code.format("b"))

    loaded = load(
        write("crows_that_override.py", f"import helper_that_overrides\n{SOUND}{code.format('a')}"),
        [],
    )

    assert [len(of.overrides) for of in loaded.declarations] == [1, 0]


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(
            '# /// script\n# dependencies = ["nowhere-to-be-found"]\n# ///\n', id="PEP 723"
        ),
        pytest.param("", id="requirements.txt"),
    ],
)
def test_unmet_dependencies_are_refused_before_any_code_ran(
    write: Write, tmp_path: Path, block: str
) -> None:
    if not block:
        write("requirements.txt", "nowhere-to-be-found\n")
    code = f"{block}open({str(tmp_path / 'ran')!r}, 'w')\nimport nowhere_to_be_found\n"

    with pytest.raises(UnmetDependencies, match="nowhere-to-be-found is not installed"):
        load(write("crows_with_needs.py", code + SOUND), [])

    assert not (tmp_path / "ran").exists()
    assert "crows_with_needs" not in sys.modules


def test_a_refused_scenario_changes_no_import_path(write: Write, tmp_path: Path) -> None:
    before = list(sys.path)

    with pytest.raises(InvalidScenario):
        load(write("no_crows_at_all.py", "def init(:"), [tmp_path])

    assert sys.path == before


def test_a_module_already_imported_brings_the_variables_of_its_helpers(write: Write) -> None:
    write(
        "late_helper.py", "from crowsg import Variable\nrequired_variables = [Variable('a', 'b')]"
    )
    path = write("imports_late.py", "def init():\n    import late_helper\ndef start(i): pass\n")
    sys.path.append(str(path.parent))

    loaded = from_module(importlib.import_module("imports_late"))

    assert declared(loaded) == {"imports_late": [], "late_helper": ["a"]}


def says(path: Path) -> object:
    """Return what ``init`` of the scenario in ``path`` returns."""
    return load(path, []).init()


@pytest.mark.parametrize("text", ["import helper_of_two as h", "from helper_of_two import SAID"])
def test_a_scenario_from_another_folder_gets_the_helper_beside_it(write: Write, text: str) -> None:
    said = "h.SAID" if text.endswith("h") else "SAID"
    code = f"{text}\ndef init(): return {said}\ndef start(user_id): pass\n"
    for version in ("one", "two"):
        write(f"{version}/helper_of_two.py", f"SAID = {version!r}\n")

    heard = [says(write(f"{version}/crows_of_two.py", code)) for version in ("one", "two", "one")]

    assert heard == ["one", "two", "one"]


@pytest.mark.parametrize("after", ["two", "another"], ids=["same-size", "another-size"])
def test_a_helper_that_changed_is_imported_anew(
    write: Write, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    code = "import helper_anew\ndef init(): return helper_anew.SAID\ndef start(user_id): pass\n"
    path = write("crows_with_helper_anew.py", code)
    write("helper_anew.py", "SAID = 'one'\n")
    load(path, [])

    write("helper_anew.py", f"SAID = {after!r}\n")

    assert says(path) == after


def test_a_module_deeper_in_a_package_is_imported_anew(write: Write) -> None:
    code = "import cart.deep\ndef init(): return cart.deep.SAID\ndef start(user_id): pass\n"
    for version in ("one", "two"):
        write(f"{version}/crows_with_cart.py", code)
        (path := Path(write(f"{version}/x", "")).parent / "cart").mkdir()
        (path / "__init__.py").touch()
        (path / "deep.py").write_text(f"SAID = {version!r}\n", encoding="utf-8")
    folders = [path.parents[1] / version for version in ("one", "two")]

    assert [says(folder / "crows_with_cart.py") for folder in folders] == ["one", "two"]


def test_a_helper_imported_only_later_is_the_latest_scenario_s(write: Write) -> None:
    code = "def init():\n    import helper_late\n    return helper_late.SAID\n"
    code += "def start(user_id): pass\n"
    for version in ("one", "two"):
        write(f"{version}/helper_late.py", f"SAID = {version!r}\n")

    heard = [says(write(f"{version}/crows_late.py", code)) for version in ("one", "two")]

    assert heard == ["one", "two"]


def test_who_has_a_helper_keeps_it_when_another_scenario_is_loaded(write: Write) -> None:
    code = "import helper_kept\ndef init(): return helper_kept.SEEN\ndef start(user_id): pass\n"
    for version in ("one", "two"):
        write(f"{version}/helper_kept.py", "SEEN = []\n")
    first = load(write("one/crows_first.py", code), [])
    first.init().append(1)

    second = load(write("two/crows_second.py", code), [])

    assert (first.init(), second.init()) == ([1], [])


def test_what_the_scenario_does_not_import_stays_as_it_is(write: Write) -> None:
    write("helper_of_one.py", "")
    load(write("crows_with_one.py", "import helper_of_one\n" + SOUND), [])
    before = sys.modules["helper_of_one"]

    load(write("crows_without.py", SOUND), [])

    assert sys.modules["helper_of_one"] is before


def test_modules_that_lost_their_files_are_forgotten(write: Write) -> None:
    write("gone/helper_gone.py", "")
    path = write("gone/crows_gone.py", "import helper_gone\n" + SOUND)
    load(path, [])
    for file in path.parent.glob("*.py"):
        file.unlink()

    load(write("crows_that_stay.py", SOUND), [])

    assert not {"helper_gone", "crows_gone"} & set(sys.modules)


def test_a_folder_that_is_gone_leaves_the_import_path(write: Write) -> None:
    path = write("gone/crows_gone_too.py", SOUND)
    load(path, [])
    path.unlink()
    path.parent.rmdir()

    load(write("crows_that_stay_too.py", SOUND), [])

    assert str(path.parent) not in sys.path


def test_an_installed_module_below_the_scenario_s_folder_is_not_imported_anew(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare = "from crowsg import Variable\nrequired_variables = [Variable('a', 'b')]\n"
    monkeypatch.syspath_prepend(write("site-packages/helper_inside.py", declare).parent)
    path = write("crows_above.py", "import helper_inside\n" + SOUND)
    load(path, [])
    before = sys.modules["helper_inside"]

    load(path, [])

    assert sys.modules["helper_inside"] is before


def test_a_helper_hidden_by_a_module_from_elsewhere_is_refused(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare = "from crowsg import Variable\nrequired_variables = [Variable('a', 'b')]\n"
    hiding = types.ModuleType("helper_hidden")
    hiding.__file__ = str(write("other/helper_hidden.py", declare))
    monkeypatch.setitem(sys.modules, "helper_hidden", hiding)
    write("helper_hidden.py", declare)

    with pytest.raises(NameTaken, match="is hidden by"):
        load(write("crows_that_find_another.py", "import helper_hidden\n" + SOUND), [])
