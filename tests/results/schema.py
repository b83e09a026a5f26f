"""The schema of summary.json as readers of the package find it."""

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from jsonschema.exceptions import SchemaError  # type: ignore[import-untyped]

from crowsg.summary import Summary

Path = tuple[Any, ...]

SCHEMA: dict[str, Any] = json.loads(
    files("crowsg.results").joinpath("summary.schema.json").read_text(encoding="utf-8")
)
_VALIDATOR = Draft202012Validator(SCHEMA)


def judge(schema: dict[str, Any]) -> None:
    """Refuse what is no schema."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise ValueError(error.message) from error


def problems(said: Any) -> list[str]:
    """Return what the schema has against a summary as it was read."""
    return [f"{error.json_path}: {error.message}" for error in _VALIDATOR.iter_errors(said)]


def read(summary: Summary) -> dict[str, Any]:
    """Return a summary as a reader of its file finds it."""
    values: dict[str, Any] = json.loads(json.dumps(summary.as_dict(), allow_nan=False))
    return values


def described(schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (name, schema) of every key that a schema describes, however deep."""
    for key, value in schema.items() if isinstance(schema, dict) else ():
        # Conditions have properties too, but describe none.
        if key == "properties" and "description" in schema:
            yield from value.items()
        yield from described(value)


def fixed(schema: dict[str, Any], said: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path to every object of a summary whose keys are fixed."""
    schema = _resolved(schema)
    if schema.get("additionalProperties") is False:
        yield path
    each = schema.get("items") or schema.get("additionalProperties")
    for key, value in _parts(said):
        inner = schema.get("properties", {}).get(key, each)
        if isinstance(inner, dict):
            yield from fixed(inner, value, (*path, key))


def names(said: Any) -> set[str]:
    """Return all keys of a summary, however deep."""
    found = set(said) if isinstance(said, dict) else set()
    return found.union(*(names(value) for _, value in _parts(said)))


def at(said: Any, path: Path) -> Any:
    """Return what stands at a path."""
    for key in path:
        said = said[key]
    return said


def spelled(path: Path) -> str:
    """Spell a path as the id of a test."""
    return ".".join(map(str, path)) or "summary"


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    schema = schema.get("anyOf", [schema])[0]
    if "$ref" in schema:
        return dict(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]])
    return schema


def _parts(said: Any) -> list[tuple[Any, Any]]:
    if isinstance(said, dict):
        return list(said.items())
    return list(enumerate(said)) if isinstance(said, list) else []
