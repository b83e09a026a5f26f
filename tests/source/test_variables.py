from pathlib import Path

import pytest

from crowsg.source import DeclaredVariable, Expression, Source, read

IMPORT = "from crowsg import Variable\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chat.py"


def source(path: Path, text: str) -> Source:
    path.write_text(text, encoding="utf-8")
    return read(path)


def names(path: Path, text: str) -> list[str]:
    return [variable.name for variable in source(path, IMPORT + text).variables]


def variable(path: Path, arguments: str, before: str = "") -> DeclaredVariable:
    text = f"{IMPORT}{before}\nrequired_variables = [Variable({arguments})]"
    (found,) = source(path, text).variables
    return found


def test_every_field_is_read_by_keyword(path: Path) -> None:
    text = (
        "required_variables = [\n"
        "  Variable(name='a', description='an a', default=1, verify=range(9), update='set_a',"
        " secret=True)]"
    )

    assert source(path, text).variables == (
        DeclaredVariable("a", "an a", 1, True, "range(9)", "set_a", True, line=2),
    )


def test_every_field_is_read_by_position(path: Path) -> None:
    text = "required_variables = [Variable('a', 'an a', 1, is_good, True, False)]"

    assert source(path, text).variables == (
        DeclaredVariable("a", "an a", 1, True, "is_good", "True", False, line=1),
    )


def test_what_is_left_out_is_empty(path: Path) -> None:
    text = "required_variables = [Variable('a')]"

    assert source(path, text).variables == (
        DeclaredVariable("a", "", None, False, "", "", False, line=1),
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("required_variables = [Variable('a'), Variable('b')]", id="list"),
        pytest.param("required_variables = (Variable('a'), Variable('b'))", id="tuple"),
        pytest.param("required_variables = [Variable('a')] + [Variable('b')]", id="plus"),
        pytest.param(
            "required_variables = [Variable('a')]\nrequired_variables += [Variable('b')]",
            id="plus-assignment",
        ),
        pytest.param("required_variables: list = [Variable('a'), Variable('b')]", id="annotated"),
        pytest.param(
            "required_variables = [Variable('a')]\n"
            "required_variables = required_variables + [Variable('b')]",
            id="extended",
        ),
        pytest.param(
            "import crowsg\nrequired_variables = [crowsg.Variable('a'), crowsg.Variable('b')]",
            id="attribute",
        ),
        pytest.param(
            "from crowsg import Variable as V\nrequired_variables = [V('a'), V('b')]", id="alias"
        ),
        pytest.param("V = Variable\nrequired_variables = [V('a'), V('b')]", id="assigned-alias"),
        pytest.param("A = Variable('a')\nrequired_variables = [A, Variable('b')]", id="by-name"),
        pytest.param(
            "common = [Variable('a')]\nrequired_variables = [*common, Variable('b')]", id="unpacked"
        ),
        pytest.param(
            "if x:\n  required_variables = [Variable('a')]\n"
            "else:\n  required_variables = [Variable('b')]",
            id="either-branch",
        ),
        pytest.param(
            "required_variables = [Variable('a')] if x else [Variable('b')]", id="conditional"
        ),
    ],
)
def test_lists_are_understood_however_they_are_built(path: Path, text: str) -> None:
    assert names(path, text) == ["a", "b"]


@pytest.mark.parametrize(
    ("default", "value"),
    [
        pytest.param("None", None, id="none"),
        pytest.param("-1.5", -1.5, id="negative"),
        pytest.param("'a' 'b'", "ab", id="joined-text"),
        pytest.param("[1, (2, {3: {4}})]", [1, (2, {3: {4}})], id="nested"),
        pytest.param("PORT", 8888, id="constant"),
        pytest.param("[HOST, PORT]", ["h", 8888], id="constants-in-a-list"),
        pytest.param("BOTH", ["h", 8888], id="constant-of-constants"),
        pytest.param("60 * 60", Expression("60 * 60"), id="arithmetic"),
        pytest.param("os.getpid()", Expression("os.getpid()"), id="call"),
        pytest.param("f(PORT)", Expression("f(PORT)"), id="call-with-constant"),
        pytest.param("UNKNOWN", Expression("UNKNOWN"), id="unknown-name"),
        pytest.param("TWICE", Expression("TWICE"), id="name-assigned-twice"),
        pytest.param("COUNTED", Expression("COUNTED"), id="name-changed-in-place"),
        pytest.param("{[]: 1}", Expression("{[]: 1}"), id="impossible"),
    ],
)
def test_a_default_is_its_literal_value_or_its_text(
    path: Path, default: str, value: object
) -> None:
    constants = (
        "PORT = 8888\nHOST: str = 'h'\nBOTH = [HOST, PORT]\n"
        "if x:\n  TWICE = 1\nelse:\n  TWICE = 2\nCOUNTED = 1\nCOUNTED += 1"
    )

    found = variable(path, f"'a', 'an a', default={default}", constants)

    assert found.default == value


def test_a_default_of_none_is_a_default(path: Path) -> None:
    assert variable(path, "'a', default=None").has_default


def test_a_constant_names_a_variable(path: Path) -> None:
    assert variable(path, "NAME", "NAME = 'a'").name == "a"


@pytest.mark.parametrize(
    ("written", "text"),
    [
        pytest.param("None", "", id="none"),
        pytest.param("is_good", "is_good", id="function"),
        pytest.param("'is_good'", "is_good", id="name"),
        pytest.param("[1, 2]", "[1, 2]", id="container"),
        pytest.param("lambda x: x > 1", "lambda x: x > 1", id="lambda"),
    ],
)
def test_a_verification_is_read_as_text(path: Path, written: str, text: str) -> None:
    assert variable(path, f"'a', verify={written}").verify == text


@pytest.mark.parametrize(
    ("written", "text"),
    [
        pytest.param("False", "", id="false"),
        pytest.param("None", "", id="none"),
        pytest.param("True", "True", id="true"),
        pytest.param("set_a", "set_a", id="function"),
        pytest.param("'set_a'", "set_a", id="name"),
        pytest.param("rates.set_a", "rates.set_a", id="attribute"),
    ],
)
def test_an_update_is_read_as_text(path: Path, written: str, text: str) -> None:
    assert variable(path, f"'a', update={written}").update == text


@pytest.mark.parametrize(
    ("arguments", "secret"),
    [
        pytest.param("'a', secret=True", True, id="true"),
        pytest.param("'a', secret=False", False, id="false"),
        pytest.param("'a', secret=is_hidden()", True, id="computed"),
        pytest.param("'a', **options", True, id="behind-stars"),
        pytest.param("'a', *options", True, id="behind-a-star"),
        pytest.param("'a', secret=False, **options", False, id="given-beside-stars"),
    ],
)
def test_a_variable_is_secret_unless_the_text_says_otherwise(
    path: Path, arguments: str, secret: bool
) -> None:
    assert variable(path, arguments).secret is secret


def test_the_repr_does_not_show_a_default(path: Path) -> None:
    assert "hunter2" not in repr(variable(path, "'a', default='hunter2', secret=True"))


def test_unpacked_arguments_stand_for_a_missing_default(path: Path) -> None:
    assert variable(path, "'a', **options").default == Expression("**options")


def test_overrides_are_kept_apart(path: Path) -> None:
    text = "required_variables = [Variable('a')]\noverride_variables = [Variable('b')]"

    assert [override.name for override in source(path, text).overrides] == ["b"]


def test_a_variable_declared_twice_is_listed_twice(path: Path) -> None:
    assert names(path, "required_variables = [Variable('a'), Variable('a')]") == ["a", "a"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("required_variables = []", [], id="empty"),
        pytest.param("required_variables = None", [], id="none"),
        pytest.param("required_variables = 1 + 2", [], id="number"),
        pytest.param("required_variables = [Variable()]", [], id="no-arguments"),
        pytest.param("required_variables = [Variable(*all)]", [], id="only-unpacked"),
        pytest.param("required_variables = [Variable(**all)]", [], id="only-keywords-unpacked"),
        pytest.param("required_variables = [1, 'a', Other('a')]", [], id="no-variables"),
        pytest.param("required_variables = other + unknown", [], id="unknown-names"),
        pytest.param("required_variables = required_variables", [], id="itself"),
        pytest.param("required_variables: list", [], id="only-annotated"),
        pytest.param("x.required_variables = [Variable('a')]", [], id="of-an-object"),
        pytest.param("def f():\n  required_variables = [Variable('a')]", [], id="in-a-function"),
        pytest.param("required_variables = [Variable(name())]", ["name()"], id="computed-name"),
        pytest.param("required_variables = [Variable(1)]", ["1"], id="number-as-name"),
        pytest.param(
            "required_variables = [Variable('a', 1, 2, 3, 4, 5, 6, 7)]", ["a"], id="too-many"
        ),
        pytest.param("required_variables = [Variable('a', nonsense=1)]", ["a"], id="unknown-word"),
    ],
)
def test_strange_declarations_do_no_harm(path: Path, text: str, found: list[str]) -> None:
    assert names(path, text) == found


def test_lists_that_multiply_themselves_stay_small(path: Path) -> None:
    doubling = "\n".join(f"l{n + 1} = l{n} + l{n}" for n in range(60))

    assert names(path, f"l0 = [Variable('a')]\n{doubling}\nrequired_variables = l60") == ["a"]
