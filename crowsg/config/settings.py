"""The settings of a run on one node: composed from declarations, verified, read, changed."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeGuard

from crowsg.config.sources import Parser, from_environment, parse_value
from crowsg.config.variable import Declared, Resolve, judge
from crowsg.config.verification import Verdict, verify
from crowsg.errors import (
    DuplicateVariable,
    InvalidDeclaration,
    InvalidSetting,
    ReadOnlySetting,
    SettingsRejected,
    UnknownSetting,
)
from crowsg.telemetry.bus import Bus
from crowsg.text import MASK, shown


@dataclass(frozen=True, slots=True)
class Declarations:
    """What one module declares.

    Attributes:
        module: Its name.
        required: Its ``required_variables``, as found.
        overrides: Its ``override_variables``; only the scenario's count.
        resolve: Finds the module's functions by name.
    """

    module: str
    required: tuple[object, ...]
    overrides: tuple[object, ...]
    resolve: Resolve


@dataclass(frozen=True, slots=True)
class Text:
    """A value given as text, to be parsed once its variable is known."""

    text: str


@dataclass(frozen=True, slots=True)
class Values:
    """Where the values of a run come from, besides the declared defaults.

    Attributes:
        given: Settings handed in, by name; ``Text`` for those from a command line.
        environment: The environment of the node.
        file: The settings of a TOML file.
        parse: Reads text.
    """

    given: Mapping[str, Any]
    environment: Mapping[str, str]
    file: Mapping[str, Any]
    parse: Parser = parse_value


def compose(own: Iterable[Declared], modules: Iterable[Declarations]) -> dict[str, Declared]:
    """Join the declarations of crowsg itself, the scenario and its helpers.

    An override replaces the whole declaration of its name; the last one wins.

    Args:
        own: Variables of crowsg itself.
        modules: The scenario first, then the helpers it imports.

    Raises:
        InvalidDeclaration: Any of them is faulty; all problems of all modules are named.
        DuplicateVariable: Names are declared twice; all of them are named.
    """
    problems: list[str] = []

    def sound(variables: Iterable[object], of: Declarations) -> list[Declared]:
        judged = [judge(variable, of.module, of.resolve) for variable in variables]
        problems.extend(problem for _, found in judged for problem in found)
        return [declared for declared, _ in judged if declared is not None]

    modules = list(modules)
    declared = [*own, *(known for of in modules for known in sound(of.required, of))]
    overrides = [known for of in modules[:1] for known in sound(of.overrides, of)]
    if problems:
        raise InvalidDeclaration(problems)
    variables = _without_duplicates(declared)
    variables.update((known.name, known) for known in overrides)
    return variables


def _without_duplicates(declared: Iterable[Declared]) -> dict[str, Declared]:
    variables: dict[str, Declared] = {}
    problems = []
    for known in declared:
        first = variables.setdefault(known.name, known)
        if first is not known:
            problems.append(f"{known.name} (in {first.module} and {known.module})")
    if problems:
        raise DuplicateVariable(problems)
    return variables


class Settings:
    """The values of the current run; empty before the first."""

    def __init__(self, telemetry: Bus) -> None:
        self._telemetry = telemetry
        self._variables: dict[str, Declared] = {}
        self._values: dict[str, Any] = {}
        self._parse: Parser = parse_value

    def load(self, variables: Mapping[str, Declared], values: Values) -> None:
        """Give every variable its value and verify all of them; all or nothing.

        A value given stands above the environment, that above the file, that above the default.

        Raises:
            UnknownSetting: Names were given that nobody declares.
            SettingsRejected: Values were refused; every one is named.
        """
        unknown = [name for name in (*values.given, *values.file) if name not in variables]
        if unknown:
            raise UnknownSetting(_spelled(dict.fromkeys(unknown)), variables)
        self._parse = values.parse
        self._values = self._verified(variables, self._gather(variables, values))
        self._variables = dict(variables)

    def clear(self) -> None:
        """Forget the run before."""
        self._variables, self._values = {}, {}

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of ``name``, ``default`` where an optional variable has none."""
        try:
            value = self._values[name]
        except KeyError:
            self._report("get", name, "undeclared setting")
            raise InvalidSetting(name) from None
        return default if value is None else value

    def current(self) -> dict[str, Any]:
        """Return every value by name, secrets masked."""
        return {
            name: MASK if self._variables[name].secret and value is not None else value
            for name, value in self._values.items()
        }

    def of_environment(self, environment: Mapping[str, str]) -> dict[str, "Text"]:
        """Return what an environment says of the declared names, unread."""
        found = from_environment(self._variables.values(), environment)
        return {name: Text(text) for name, text in found.items()}

    def is_secret(self, name: str) -> bool:
        """Whether the value of a declared name must not be shown."""
        return self._variables[name].secret

    def merge(self, values: Mapping[str, Any]) -> None:
        """Put values above every other source; all or nothing.

        Raises:
            UnknownSetting: Names nobody declares.
            SettingsRejected: Values were refused.
        """
        self._refuse_unknown(values)
        variables = {name: self._variables[name] for name in values}
        parsed = {name: self._parsed(variables[name], value) for name, value in values.items()}
        self._values = {**self._values, **self._verified(variables, parsed)}

    def update(self, changes: Mapping[str, Any]) -> list[tuple[str, Callable[[], object]]]:
        """Change values while running; all or nothing.

        Values equal to those in force are left alone and not verified.

        Returns:
            (name, function to call) for every change somebody wants to be told of.

        Raises:
            UnknownSetting: Names nobody declares.
            ReadOnlySetting: Names that may not change, their value changed or not.
            SettingsRejected: Values were refused.

        Source: amoc_config_scenario:update_settings/1.
        """
        new = self.check(changes)
        self._values = {**self._values, **new}
        return [
            (name, partial(update, name, value))
            for name, value in new.items()
            if callable(update := self._variables[name].update)
        ]

    def check(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Verify changes without making them; raises as ``update``.

        Returns:
            The values that would become others, as verified.
        """
        self._refuse_unknown(changes)
        self._refuse_read_only(changes)
        parsed = {name: self._parsed(self._variables[name], changes[name]) for name in changes}
        changed = {
            name: value for name, value in parsed.items() if not _same(value, self._values[name])
        }
        return self._verified({name: self._variables[name] for name in changed}, changed)

    def _refuse_unknown(self, names: Iterable[str]) -> None:
        unknown = [name for name in names if name not in self._variables]
        if unknown:
            raise UnknownSetting(_spelled(unknown), self._variables)

    def _refuse_read_only(self, changes: Iterable[str]) -> None:
        fixed = [self._variables[name] for name in changes if not self._variables[name].update]
        if fixed:
            raise ReadOnlySetting([(known.name, known.module) for known in fixed])

    def _gather(self, variables: Mapping[str, Declared], values: Values) -> dict[str, Any]:
        texts = from_environment(variables.values(), values.environment)
        gathered: dict[str, Any] = {name: known.default for name, known in variables.items()}
        gathered.update(values.file)
        gathered.update((name, Text(text)) for name, text in texts.items())
        gathered.update(values.given)
        return {name: self._parsed(variables[name], value) for name, value in gathered.items()}

    def _parsed(self, variable: Declared, value: Any) -> Any:
        if not isinstance(value, Text):
            return value
        try:
            return self._parse(value.text, variable)
        except Exception as error:  # noqa: BLE001 - the parser may be anybody's
            return _Unreadable(value.text, f"unreadable: {type(error).__name__}: {error}")

    def _verified(
        self, variables: Mapping[str, Declared], values: Mapping[str, Any]
    ) -> dict[str, Any]:
        verdicts = {name: self._judge(variables[name], value) for name, value in values.items()}
        rejected = [
            (name, variables[name].present(_plain(values[name])), verdict.why)
            for name, verdict in verdicts.items()
            if verdict.why
        ]
        if rejected:
            raise SettingsRejected(rejected)
        return {name: verdict.value for name, verdict in verdicts.items()}

    def _judge(self, variable: Declared, value: Any) -> Verdict:
        if isinstance(value, _Unreadable):
            verdict = Verdict(value, value.why)
            event = "env"
        else:
            verdict = verify(variable, value)
            event = "verify" if verdict.misbehaved else ""
        if verdict.why and variable.secret:
            verdict = replace(verdict, why="refused; the reason is secret too")
        if event:
            # The allowed values, or the arguments of a partial function, may be secret too.
            method = variable.present(variable.verify)
            self._report(event, variable.name, verdict.why, method=method)
        return verdict

    def _report(self, event: str, name: str, reason: str, **details: str) -> None:
        metadata = {"log_level": "error", "setting": name, "reason": reason, **details}
        self._telemetry.execute(("crowsg", "config", event), {"error": 1}, metadata)


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """Text that the parser refused."""

    text: str
    why: str


def _spelled(names: Iterable[object]) -> list[str]:
    return [name if _is_presentable(name) else shown(name, 60) for name in names]


def _is_presentable(name: object) -> TypeGuard[str]:
    # Keys of a dictionary may be anything, and as long as they like.
    return isinstance(name, str) and name.isprintable() and 0 < len(name) <= 60


def _same(value: Any, stored: Any) -> bool:
    try:
        return type(value) is type(stored) and bool(value == stored)
    except Exception:  # noqa: BLE001 - the comparison may be anybody's
        return False


def _plain(value: Any) -> Any:
    return value.text if isinstance(value, _Unreadable) else value
