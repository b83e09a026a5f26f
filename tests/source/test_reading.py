import sys
from pathlib import Path

import pytest

from crowsg.errors import InvalidScenario
from crowsg.source import read

INIT = "def init(): pass\n"
START = "def start(user_id, state): pass\n"


def written(folder: Path, text: str, name: str = "chat.py") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def problem(path: Path) -> str:
    with pytest.raises(InvalidScenario) as caught:
        read(path)
    return "; ".join(caught.value.problems)


def test_a_module_whose_imports_fail_can_still_be_read(tmp_path: Path) -> None:
    path = written(tmp_path, f"import a_module_nobody_has\n{INIT}{START}")

    assert read(path).kind == "scenario"


def test_reading_runs_nothing_of_the_module(tmp_path: Path) -> None:
    path = written(tmp_path, f"raise SystemExit('it ran')\n{INIT}{START}")

    read(path)

    assert "chat" not in sys.modules


def test_the_name_is_the_stem_of_the_file(tmp_path: Path) -> None:
    assert read(written(tmp_path, "")).name == "chat"


def test_a_package_is_named_after_its_folder(tmp_path: Path) -> None:
    assert read(written(tmp_path, "", "peers/__init__.py")).name == "peers"


def test_the_docstring_is_cleaned_of_its_indentation(tmp_path: Path) -> None:
    assert read(written(tmp_path, '"""One.\n\n    Two.\n    """')).doc == "One.\n\nTwo."


def test_a_module_without_docstring_has_an_empty_one(tmp_path: Path) -> None:
    assert read(written(tmp_path, "x = 1")).doc == ""


def test_the_summary_is_the_first_line_of_the_docstring(tmp_path: Path) -> None:
    assert read(written(tmp_path, '"""One.\n\nTwo."""')).summary == "One."


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        pytest.param(INIT + START, "scenario", id="both"),
        pytest.param("def init(x=1): pass\n" + START, "scenario", id="init-with-default"),
        pytest.param("def init(*a, **k): pass\n" + START, "scenario", id="init-with-any"),
        pytest.param(INIT + "def start(user_id): pass", "scenario", id="start-of-one"),
        pytest.param(INIT + "def start(*a): pass", "scenario", id="start-of-any"),
        pytest.param(
            INIT + "def start(a, b, c=1): pass", "scenario", id="start-with-spare-default"
        ),
        pytest.param(INIT + "from x import start", "scenario", id="start-imported"),
        pytest.param("init = start = print", "scenario", id="both-assigned"),
        pytest.param("@magic\ndef init(a, b): pass\n" + START, "scenario", id="init-decorated"),
        pytest.param(
            "try:\n  import x\nfinally:\n  from y import init, start", "scenario", id="try"
        ),
        pytest.param("if x:\n  from y import init, start", "scenario", id="if"),
        pytest.param("with x as (init, start):\n  pass", "scenario", id="with"),
        pytest.param("required_variables = []\n" + INIT + START, "scenario", id="declaring"),
        pytest.param("required_variables = []", "helper", id="only-declaring"),
        pytest.param("required_variables = []\n" + INIT, "helper", id="declaring-with-init"),
        pytest.param("", "ordinary", id="empty"),
        pytest.param(INIT, "ordinary", id="only-init"),
        pytest.param(START, "ordinary", id="only-start"),
        pytest.param("def init(x): pass\n" + START, "ordinary", id="init-wants-one"),
        pytest.param("def init(*, x): pass\n" + START, "ordinary", id="init-wants-keyword"),
        pytest.param(INIT + "def start(): pass", "ordinary", id="start-of-none"),
        pytest.param(INIT + "def start(a, b, c): pass", "ordinary", id="start-of-three"),
        pytest.param(INIT + "async def start(a): pass", "ordinary", id="start-is-async"),
        pytest.param("class Chat:\n  def init(): 0\n  def start(a): 0", "ordinary", id="methods"),
        pytest.param("def f():\n  def init(): 0\n  def start(a): 0", "ordinary", id="inner"),
        pytest.param("init: object\nstart: object", "ordinary", id="only-annotated"),
        pytest.param(
            "if __name__ == '__main__':\n  from y import init, start", "ordinary", id="main-block"
        ),
        pytest.param(
            "if t.TYPE_CHECKING:\n  from y import init, start", "ordinary", id="type-checking"
        ),
    ],
)
def test_the_kind_follows_from_what_is_defined(tmp_path: Path, text: str, kind: str) -> None:
    assert read(written(tmp_path, text)).kind == kind


def test_callbacks_are_listed_in_the_order_of_a_run(tmp_path: Path) -> None:
    text = "def teardown(): 0\ndef setup(): 0\ndef terminate(): 0\ndef start(a): 0\ninit = print"

    callbacks = read(written(tmp_path, text)).callbacks

    assert callbacks == ("init", "start", "terminate", "setup", "teardown")


@pytest.mark.parametrize(
    ("statement", "imports"),
    [
        pytest.param("import a", ("a",), id="module"),
        pytest.param("import a as b", ("a",), id="alias"),
        pytest.param("import a.b.c", ("a", "a.b", "a.b.c"), id="parents"),
        pytest.param("from a import b, c", ("a", "a.b", "a.c"), id="names-may-be-modules"),
        pytest.param("from a import *", ("a",), id="star"),
        pytest.param("def f():\n  import a", ("a",), id="inside-a-function"),
        pytest.param("class C:\n  import a", ("a",), id="inside-a-class"),
        pytest.param("try:\n  import a\nexcept E:\n  import b", ("a", "b"), id="both-of-try"),
        pytest.param("match x:\n  case 1:\n    import a", ("a",), id="inside-match"),
        pytest.param(
            "if TYPE_CHECKING:\n  import a\nelse:\n  import b", ("b",), id="type-checking"
        ),
        pytest.param("if not TYPE_CHECKING:\n  import a", ("a",), id="not-type-checking"),
        pytest.param("import b\nimport a\nimport b", ("b", "a"), id="each-once-in-order"),
        pytest.param("from . import a", (), id="relative-outside-a-package"),
        pytest.param("x = 'import a'", (), id="none"),
    ],
)
def test_imports_name_every_module_that_could_load(
    tmp_path: Path, statement: str, imports: tuple[str, ...]
) -> None:
    assert read(written(tmp_path, statement)).imports == imports


@pytest.mark.parametrize(
    ("file", "name", "statement", "imports"),
    [
        pytest.param("__init__.py", "p", "from . import a", ("p", "p.a"), id="package"),
        pytest.param("m.py", "p.m", "from .a import b", ("p", "p.a", "p.a.b"), id="module"),
        pytest.param("m.py", "p.q.m", "from .. import a", ("p", "p.a"), id="two-up"),
        pytest.param("m.py", "p.m", "from ... import a", (), id="above-the-top"),
    ],
)
def test_relative_imports_start_from_the_package(
    tmp_path: Path, file: str, name: str, statement: str, imports: tuple[str, ...]
) -> None:
    assert read(written(tmp_path, statement, file), name).imports == imports


def test_the_declared_encoding_is_respected(tmp_path: Path) -> None:
    path = tmp_path / "chat.py"
    path.write_bytes("# coding: latin-1\n'''Grüße'''".encode("latin-1"))

    assert read(path).doc == "Grüße"


def test_warnings_about_the_code_are_left_to_its_import(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    read(written(tmp_path, "x = '\\d'"))

    assert not list(recwarn)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"x = 1\ndef f(:\n", "line 2: invalid syntax", id="syntax"),
        pytest.param(b"if x:\npass\n", "line 2: expected an indented block", id="indentation"),
        pytest.param(b"x = '\xff'", "cannot be decoded", id="not-utf-8"),
        pytest.param(b"#\n#\n#\n" * 4000 + b"'\xff'", "no valid utf-8", id="not-utf-8-late"),
        pytest.param(b"# coding: klingon\n", "klingon", id="unknown-encoding"),
        pytest.param(b"# coding: rot13\n", "rot13", id="encoding-of-no-text"),
        pytest.param(b"x = 1\0", "null bytes", id="null-byte"),
        pytest.param(b"x = " + b"-" * 50_000 + b"1", "deep", id="deep"),
        pytest.param(b"x = a" + b".b" * 20_000, "deep", id="long-chain"),
        pytest.param(b"x = f(0x" + b"f" * 9000 + b")", "integer string", id="endless-number"),
    ],
)
def test_what_is_no_python_is_refused_with_the_reason(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "chat.py"
    path.write_bytes(content)

    assert said in problem(path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "chat.py"
    folder.mkdir()

    assert problem(folder) == f"{folder} is no file"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "chat.py"

    assert problem(path) == f"cannot read {path}: No such file or directory"


def test_a_refusal_names_the_module(tmp_path: Path) -> None:
    with pytest.raises(InvalidScenario) as caught:
        read(written(tmp_path, "("))

    assert caught.value.name == "chat"


def test_a_long_chain_of_branches_is_no_trouble(tmp_path: Path) -> None:
    branches = "".join(f"elif x == {n}:\n  import a{n}\n" for n in range(100))

    source = read(written(tmp_path, f"if x:\n  pass\n{branches}"))

    assert len(source.imports) == 100
