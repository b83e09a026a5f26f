"""Where values come from: text, the environment, files, ``NAME=VALUE``, and parsers of others."""

import random
import string
from collections.abc import Callable
from pathlib import Path

import pytest

from crowsg.config.sources import (
    Parser,
    from_assignments,
    from_environment,
    from_toml,
    load_parser,
    parse_value,
)
from crowsg.config.variable import MISSING, Declared
from crowsg.errors import InvalidSource

SCALARS: list[Callable[[random.Random], object]] = [
    lambda rng: rng.randint(-(10**30), 10**30),
    lambda rng: rng.uniform(-1e9, 1e9),
    lambda rng: rng.choice([True, False, None]),
    lambda rng: "".join(rng.choices(string.printable + "üж🐦", k=rng.randrange(20))),
    lambda rng: rng.randbytes(rng.randrange(20)),
]


def variable(default: object = MISSING, name: str = "port") -> Declared:
    return Declared(name, "a thing", "chat", default, None, False, False)


def literal(rng: random.Random, depth: int = 3) -> object:
    """Return any value that can be written as a Python literal."""
    if depth == 0 or rng.random() < 0.4:
        return rng.choice(SCALARS)(rng)
    items = [literal(rng, depth - 1) for _ in range(rng.randrange(4))]
    keys = [rng.choice(SCALARS)(rng) for _ in items]
    return rng.choice([items, tuple(items), set(keys) or {0}, dict(zip(keys, items, strict=True))])


@pytest.mark.parametrize("seed", range(200))
def test_a_value_that_was_written_is_read_again(seed: int) -> None:
    """amoc case 48."""
    value = literal(random.Random(seed))

    assert parse_value(f"  {value!r}\n", variable()) == value


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("127.0.0.1", id="address"),
        pytest.param("100/min", id="rate"),
        pytest.param("two words", id="words"),
        pytest.param("__import__('os')", id="code"),
        pytest.param("[1, 2", id="unclosed"),
        pytest.param("010", id="leading zero"),
        pytest.param(" padded ", id="padded"),
        pytest.param("", id="empty"),
        pytest.param("a\0b", id="NUL"),
        pytest.param("{[]: 1}", id="unhashable key"),
        pytest.param("9" * 5000, id="a number too long to be read"),
        pytest.param("[" * 100_000, id="nested too deeply"),
        pytest.param("1" + "+1" * 100_000, id="a long sum"),
        pytest.param("x" * 1_000_000, id="1 MB"),
    ],
)
def test_text_that_is_no_literal_stays_text(text: str) -> None:
    """amoc case 49: there it is an error and the default is used."""
    assert parse_value(text, variable()) == text


@pytest.mark.parametrize("text", ["8888", "None", "[1]", "'quoted'", " padded ", "True", ""])
def test_text_stays_text_where_the_default_is_text(text: str) -> None:
    assert parse_value(text, variable(default="127.0.0.1")) == text


@pytest.mark.parametrize("default", ["text", 17])
def test_text_in_another_encoding_is_refused(default: object) -> None:
    with pytest.raises(ValueError, match="surrogates not allowed"):
        parse_value("caf\udce9", variable(default))


def test_the_environment_gives_what_is_set_and_not_empty() -> None:
    """amoc case 49."""
    variables = [variable(name=name) for name in ("host", "port", "size", "odd_one")]
    environment = {"CROWSG_HOST": "h", "CROWSG_PORT": "", "SIZE": "1", "crowsg_odd_one": "2"}

    assert from_environment(variables, environment) == {"host": "h"}


def test_no_reference_means_the_own_parser() -> None:
    assert (load_parser(None), load_parser("")) == (parse_value, parse_value)


@pytest.fixture
def parser_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Parser]:
    """Returns a function that loads a parser from the text of its module."""
    monkeypatch.syspath_prepend(tmp_path)

    def load(code: str) -> Parser:
        name = tmp_path.name
        (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
        return load_parser(f"{name}:parse")

    return load


def test_an_own_parser_reads_text_as_it_likes(parser_module: Callable[[str], Parser]) -> None:
    """amoc case 50."""
    parse = parser_module("def parse(text): return text.upper()")

    assert parse("abc", variable(default="text")) == "ABC"


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("other = 1", id="no such function"),
        pytest.param("parse = 17", id="no function"),
        pytest.param("import nowhere_to_be_found", id="import error"),
        pytest.param("1 / 0", id="crash"),
        pytest.param("def parse(", id="syntax error"),
        pytest.param("raise SystemExit(3)", id="exit"),
    ],
)
def test_an_own_parser_that_cannot_be_loaded_is_refused(
    parser_module: Callable[[str], Parser], code: str
) -> None:
    """amoc case 51: there the default parser is used instead."""
    with pytest.raises(InvalidSource, match=r"CROWSG_CONFIG_PARSER=\w+:parse: "):
        parser_module(code)


@pytest.mark.parametrize("reference", ["nowhere_to_be_found:parse", "json", "json:", ":loads", ":"])
def test_a_reference_to_no_parser_is_refused(reference: str) -> None:
    """amoc case 51: there the default parser is used instead."""
    with pytest.raises(InvalidSource, match=f"CROWSG_CONFIG_PARSER={reference}: ") as caught:
        load_parser(reference)

    assert caught.value.exit_code == 2


def test_a_toml_file_gives_its_top_level_keys(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('host = "größe"\nports = [1, 2]\n[peer]\nname = "x"\n', encoding="utf-8")

    assert from_toml(path) == {"host": "größe", "ports": [1, 2], "peer": {"name": "x"}}


def test_an_empty_toml_file_gives_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.touch()

    assert from_toml(path) == {}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"port", id="no TOML"),
        pytest.param(b"port = 1\nport = 2", id="a key twice"),
        pytest.param(b"port = '\xff'", id="no UTF-8"),
        pytest.param(b"port = 1\0", id="NUL"),
        pytest.param(b"port = " + b"[" * 20_000, id="nested too deeply"),
        pytest.param(b"x" * 1_000_000, id="1 MB"),
    ],
)
def test_a_file_that_is_no_toml_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.toml"
    path.write_bytes(content)

    with pytest.raises(InvalidSource, match=r"run\.toml") as caught:
        from_toml(path)

    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("name", ["missing.toml", ".", "a\0b"])
def test_a_file_that_cannot_be_opened_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidSource):
        from_toml(tmp_path / name)


@pytest.mark.parametrize(
    ("assignment", "name", "text"),
    [
        pytest.param("port=1", "port", "1", id="plain"),
        pytest.param(" port =1", "port", "1", id="blanks around the name"),
        pytest.param("port= 1 ", "port", " 1 ", id="blanks around the value"),
        pytest.param("port=", "port", "", id="nothing"),
        pytest.param("query=a=b", "query", "a=b", id="an equals sign in the value"),
        pytest.param("path=C:\\x\n", "path", "C:\\x\n", id="nothing is escaped"),
    ],
)
def test_an_assignment_is_split_at_the_first_equals_sign(
    assignment: str, name: str, text: str
) -> None:
    assert from_assignments([assignment]) == {name: text}


def test_no_assignment_gives_nothing() -> None:
    assert from_assignments([]) == {}


def test_every_bad_assignment_is_named() -> None:
    with pytest.raises(InvalidSource) as caught:
        from_assignments(["port", "=1", "size=1", "size=2", "", "ok=1"])

    assert caught.value.problems == (
        "'port' is not NAME=VALUE",
        "'=1' is not NAME=VALUE",
        "size is set twice",
        "'' is not NAME=VALUE",
    )


@pytest.mark.parametrize("start", ["", "="], ids=["no equals sign", "no name"])
def test_a_bad_assignment_of_a_megabyte_makes_a_short_problem(start: str) -> None:
    with pytest.raises(InvalidSource) as caught:
        from_assignments([start + "x" * 1_000_000])

    assert len(str(caught.value)) < 200
