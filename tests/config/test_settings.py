"""The settings of a run: composed, given values, read, changed - always all of them or none."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from crowsg import config
from crowsg.config.settings import Declarations, Settings, Text, Values, compose
from crowsg.config.variable import MISSING, Declared, Variable
from crowsg.context import node_context
from crowsg.errors import (
    DuplicateVariable,
    InvalidDeclaration,
    InvalidSetting,
    ReadOnlySetting,
    SettingsRejected,
    UnknownSetting,
)
from crowsg.telemetry.bus import Bus
from crowsg.testing import CapturedEvent, ManualClock, capture_events
from tests.support.nodes import Bench, make_scenario

CONFIG_EVENTS = [("crowsg", "config", event) for event in ("get", "verify", "env", "update")]


class Unequal:
    """A value that can be compared with nothing."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    __hash__ = None  # type: ignore[assignment]


class Kit:
    """Settings of variables whose functions write down how they are called."""

    def __init__(self) -> None:
        self.telemetry = Bus(ManualClock())
        self.settings = Settings(self.telemetry)
        self.verified: list[object] = []
        self.updated: list[tuple[str, object]] = []

    def verify(self, value: object) -> object:
        self.verified.append(value)
        return isinstance(value, int) and value < 100

    def update(self, name: str, value: object) -> None:
        self.updated.append((name, value))

    def port(self, name: str = "port", **options: Any) -> Variable:
        """Return a variable below 100 that may change."""
        return Variable(
            name,
            "a port",
            **{"default": 1, "verify": self.verify, "update": self.update, **options},
        )

    def load(
        self,
        *variables: Variable,
        given: Mapping[Any, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        file: Mapping[str, Any] | None = None,
        parse: Callable[[str], Any] | None = None,
    ) -> dict[str, Any]:
        """Load variables of one module and return the values of all."""
        known = compose([], [module("chat", *variables)])
        values = Values(given or {}, environment or {}, file or {})
        if parse is not None:
            values = Values(
                values.given, values.environment, values.file, lambda text, _: parse(text)
            )
        self.settings.load(known, values)
        return self.settings.current()

    def put(self, variable: Variable, source: str, value: object) -> None:
        """Give the variable a value from one source."""
        sources: dict[str, Any] = {source: {variable.name: value}}
        if source in ("merge", "update"):
            getattr(self.settings, source)(sources[source])
        else:
            self.load(variable, **sources)

    def change(self, **changes: Any) -> list[str]:
        """Change settings, run the update functions, and return whose they were."""
        calls = self.settings.update(changes)
        for _, call in calls:
            call()
        return [name for name, _ in calls]


@pytest.fixture
def kit() -> Kit:
    return Kit()


def module(name: str, *required: object, overrides: tuple[object, ...] = ()) -> Declarations:
    return Declarations(name, required, overrides, {"check": lambda value: True}.get)


def own(name: str) -> Declared:
    return Declared(name, "crowsg's own", "crowsg", MISSING, None, False, False)


def everything_said(error: Exception, events: list[CapturedEvent]) -> str:
    return f"{error!s} {error!r} {vars(error)} {events}"


def test_declarations_keep_their_order() -> None:
    """amoc case 43."""
    variables = compose(
        [own("user_rate")],
        [
            module("chat", Variable("b", "second"), Variable("a", "third")),
            module("helper", Variable("c", "last")),
        ],
    )

    assert list(variables) == ["user_rate", "b", "a", "c"]


def test_all_faults_of_all_modules_are_named_together() -> None:
    """amoc cases 46 and 59: there only those of the first module that has one."""
    faulty: Any = Variable("d", None, verify=17)  # type: ignore[arg-type]
    modules = [
        module("chat", Variable("ok", "good"), Variable("A", "bad"), 17),
        module("helper", faulty, Variable("user_rate", "taken"), Variable("fine", "good")),
    ]

    with pytest.raises(InvalidDeclaration) as caught:
        compose([], modules)

    about = [problem.rpartition(": ")[0] for problem in caught.value.problems]
    assert about == [
        "chat: variable 'A': the name must be in lower-case ASCII",
        "chat",
        "helper: variable 'd'",
        "helper: variable 'd': verify is neither function, name nor container",
        "helper: variable 'user_rate'",
    ]
    assert caught.value.reason == "invalid_attribute_format"


def test_every_name_declared_twice_is_named_with_both_modules() -> None:
    """amoc case 57: there only the first."""
    modules = [
        module("chat", Variable("a", "first"), Variable("b", "first"), Variable("a", "again")),
        module("helper", Variable("b", "again")),
    ]

    with pytest.raises(DuplicateVariable) as caught:
        compose([], modules)

    assert caught.value.problems == ("a (in chat and chat)", "b (in chat and helper)")
    assert caught.value.reason == "parameter_overriding"


def test_nothing_is_verified_where_a_name_is_declared_twice(kit: Kit) -> None:
    """amoc case 57."""
    with pytest.raises(DuplicateVariable):
        kit.load(kit.port(), kit.port())

    assert kit.verified == []


def test_an_override_replaces_the_whole_declaration() -> None:
    """amoc case 56."""
    modules = [
        module("chat", overrides=(Variable("port", "mine", update=True),)),
        module("helper", Variable("port", "theirs", default=1, verify=[1], secret=True)),
    ]

    known = compose([], modules)["port"]

    assert (known.module, known.description, known.update) == ("chat", "mine", True)
    assert (known.verify, known.secret) == (None, False)


def test_the_last_override_of_a_name_wins() -> None:
    overrides = (Variable("port", "first"), Variable("port", "last"))

    variables = compose([], [module("chat", Variable("port", "own"), overrides=overrides)])

    assert variables["port"].description == "last"


def test_an_override_of_an_undeclared_name_declares_it() -> None:
    assert list(compose([], [module("chat", overrides=(Variable("port", "new"),))])) == ["port"]


def test_overrides_of_a_helper_do_not_count() -> None:
    modules = [module("chat"), module("helper", overrides=(Variable("port", "new"),))]

    assert compose([], modules) == {}


def test_a_faulty_override_is_named() -> None:
    with pytest.raises(InvalidDeclaration, match="chat: variable 'Port'"):
        compose([], [module("chat", overrides=(Variable("Port", "bad"),))])


def test_an_override_of_a_name_of_crowsg_is_refused() -> None:
    with pytest.raises(InvalidDeclaration, match="crowsg uses this name itself"):
        compose([own("user_rate")], [module("chat", overrides=(Variable("user_rate", "mine"),))])


def test_defaults_are_used_where_nothing_is_given(kit: Kit) -> None:
    """amoc case 52."""
    values = kit.load(kit.port(), Variable("peers", "names", default=["a"]))

    assert values == {"port": 1, "peers": ["a"]}


def test_the_highest_source_wins(kit: Kit) -> None:
    """amoc case 53."""
    sources: dict[str, Any] = {"file": {"port": 2}}
    assert kit.load(kit.port(), **sources) == {"port": 2}

    sources["environment"] = {"CROWSG_PORT": "3"}
    assert kit.load(kit.port(), **sources) == {"port": 3}

    sources["given"] = {"port": 4}
    assert kit.load(kit.port(), **sources) == {"port": 4}

    kit.settings.merge({"port": 5})
    assert kit.settings.current() == {"port": 5}


def test_what_is_no_longer_given_no_longer_counts(kit: Kit) -> None:
    """amoc case 53."""
    kit.load(kit.port(), given={"port": 4}, environment={"CROWSG_PORT": "3"})

    assert kit.load(kit.port()) == {"port": 1}


@pytest.mark.parametrize(
    ("environment", "value"),
    [
        pytest.param({"CROWSG_SIZE": "[1, 'a']"}, [1, "a"], id="a literal"),
        pytest.param({"CROWSG_SIZE": "large"}, "large", id="no literal"),
        pytest.param({"CROWSG_SIZE": "None"}, None, id="None"),
        pytest.param({"CROWSG_SIZE": ""}, 7, id="empty"),
        pytest.param({}, 7, id="unset"),
    ],
)
def test_the_environment_is_read_as_a_literal_or_text(
    kit: Kit, environment: dict[str, str], value: object
) -> None:
    """amoc case 49."""
    variable = Variable("size", "a size", default=7)

    assert kit.load(variable, environment=environment) == {"size": value}


@pytest.mark.parametrize(
    "sources",
    [
        pytest.param({"environment": {"CROWSG_HOST": "10"}}, id="environment"),
        pytest.param({"given": {"host": Text("10")}}, id="command line"),
    ],
)
def test_text_stays_text_where_the_default_is_text(kit: Kit, sources: dict[str, Any]) -> None:
    assert kit.load(Variable("host", "a host", default="h"), **sources) == {"host": "10"}


@pytest.mark.parametrize("environment", [{}, {"CROWSG_PORT": ""}], ids=["unset", "empty"])
def test_a_required_variable_without_value_is_refused(
    kit: Kit, environment: dict[str, str]
) -> None:
    """amoc case 49."""
    with pytest.raises(SettingsRejected) as caught:
        kit.load(Variable("port", "a port"), environment=environment)

    assert caught.value.rejected == (
        ("port", "<required>", "no value given and no default declared"),
    )


def test_an_own_parser_reads_what_is_text_and_nothing_else(kit: Kit) -> None:
    """amoc case 50: neither unset nor empty variables reach it."""
    seen: list[str] = []
    variables = [
        Variable(name, "a thing", default=0) for name in ("set", "empty", "unset", "given")
    ]
    environment = {"CROWSG_SET": "1", "CROWSG_EMPTY": "", "CROWSG_GIVEN": "2"}

    kit.load(*variables, given={"given": "3"}, environment=environment, parse=seen.append)

    assert seen == ["1"]


def test_what_the_parser_refuses_is_an_error_that_names_the_variable(kit: Kit) -> None:
    """amoc cases 50 and 58: there the default is used instead."""
    with (
        capture_events(kit.telemetry, *CONFIG_EVENTS) as events,
        pytest.raises(SettingsRejected) as caught,
    ):
        kit.load(kit.port(), environment={"CROWSG_PORT": "x"}, parse=lambda text: 1 // 0)

    why = "unreadable: ZeroDivisionError: integer division or modulo by zero"
    assert caught.value.rejected == (("port", "'x'", why),)
    assert [event.name[-1] for event in events] == ["env"]
    assert events[0].metadata["setting"] == "port"


def test_what_the_parser_refuses_is_not_stored(kit: Kit) -> None:
    """amoc case 50."""
    kit.load(kit.port(), given={"port": 2})

    with pytest.raises(SettingsRejected):
        kit.load(kit.port(), environment={"CROWSG_PORT": "x"}, parse=lambda text: 1 // 0)

    assert kit.settings.current() == {"port": 2}


def test_all_refused_values_are_named_with_their_reasons(kit: Kit) -> None:
    """amoc case 54."""
    variables = [
        Variable("a", "from a list", verify=[1, 2]),
        Variable("b", "refused", verify=lambda value: (False, "too high")),
        Variable("c", "crashes", verify=lambda value: 1 // 0),
        Variable("d", "never given"),
        Variable("e", "good", verify=lambda value: True),
    ]

    with pytest.raises(SettingsRejected) as caught:
        kit.load(*variables, given=dict.fromkeys("abce", 8))

    assert caught.value.rejected == (
        ("a", "8", "not one of [1, 2]"),
        ("b", "8", "too high"),
        (
            "c",
            "8",
            "verification raised ZeroDivisionError: integer division or modulo by zero",
        ),
        ("d", "<required>", "no value given and no default declared"),
    )
    assert caught.value.reason == "parameters_verification_failed"


def test_a_verification_may_replace_the_value(kit: Kit) -> None:
    """amoc case 55."""
    variable = Variable("port", "a port", verify=lambda value: (True, int(value)))

    assert kit.load(variable, given={"port": "80"}) == {"port": 80}


def test_every_verification_runs_once_and_no_update_function(kit: Kit) -> None:
    """amoc case 56."""
    kit.load(kit.port(), kit.port("other", default=2), given={"port": 3})

    assert (kit.verified, kit.updated) == ([3, 2], [])


def test_one_bad_value_does_not_keep_the_others_from_being_verified(kit: Kit) -> None:
    """amoc case 61."""
    kit.load(kit.port(), kit.port("other"))
    kit.verified.clear()

    with pytest.raises(SettingsRejected) as caught:
        kit.load(kit.port(), kit.port("other", verify=[1]), given={"port": 2, "other": 3})

    assert [name for name, _, _ in caught.value.rejected] == ["other"]
    assert kit.verified == [2]
    assert kit.settings.current() == {"port": 1, "other": 1}


def test_all_unknown_names_are_named_and_nothing_is_verified(kit: Kit) -> None:
    """amoc case 60."""
    with pytest.raises(UnknownSetting) as caught:
        kit.load(kit.port(), given={"prot": 1, "port": 2, "pot": 3}, file={"pot": 4, "pont": 5})

    assert caught.value.names == ("prot", "pot", "pont")
    assert caught.value.reason == "undefined_parameters"
    assert "known: port" in str(caught.value)
    assert kit.verified == []


@pytest.mark.parametrize("name", ["CROWSG_PROT", "CROWSG_NODES"])
def test_the_environment_may_hold_more_than_is_declared(kit: Kit, name: str) -> None:
    assert kit.load(kit.port(), environment={name: "1"}) == {"port": 1}


def test_an_unknown_name_cannot_be_read_and_is_told(kit: Kit) -> None:
    """amoc case 56."""
    kit.load(kit.port())

    with (
        capture_events(kit.telemetry, *CONFIG_EVENTS) as events,
        pytest.raises(InvalidSetting, match="prot"),
    ):
        kit.settings.get("prot", 17)

    assert [(event.name[-1], event.metadata["setting"]) for event in events] == [("get", "prot")]


def test_nothing_can_be_read_before_the_first_run(kit: Kit) -> None:
    with pytest.raises(InvalidSetting):
        kit.settings.get("port")


@pytest.mark.parametrize(
    ("value", "read"),
    [pytest.param(None, 17, id="None"), pytest.param(0, 0, id="0"), pytest.param("", "", id="''")],
)
def test_the_default_of_get_stands_for_none_only(kit: Kit, value: object, read: object) -> None:
    """amoc case 56."""
    kit.load(Variable("port", "a port", default=None), given={"port": value})

    assert kit.settings.get("port", 17) == read


def test_an_update_stores_new_values_and_hands_out_the_functions(kit: Kit) -> None:
    """amoc case 62."""
    kit.load(kit.port("a"), kit.port("b"), kit.port("c"), Variable("d", "fixed", default=4))

    told = kit.change(a=2, c=3)

    assert kit.settings.current() == {"a": 2, "b": 1, "c": 3, "d": 4}
    assert (told, kit.updated) == (["a", "c"], [("a", 2), ("c", 3)])


def test_update_functions_run_after_the_update_and_on_their_own(bench: Bench) -> None:
    """amoc case 62."""
    calls: list[tuple[str, object]] = []
    variable = Variable("a", "a", default=1, update=lambda *args: calls.append(args))
    bench.do(make_scenario(required_variables=[variable]), 0)

    bench.node.local.update_settings({"a": 2})
    assert (calls, bench.node.settings.get("a")) == ([], 2)

    bench.clock.advance(0)
    assert calls == [("a", 2)]


def test_an_update_of_one_value_runs_only_its_functions(kit: Kit) -> None:
    """amoc case 63."""
    kit.load(kit.port("a"), kit.port("b"))
    kit.verified.clear()

    kit.change(b=2)

    assert (kit.verified, kit.updated) == ([2], [("b", 2)])


def test_an_empty_update_runs_nothing(kit: Kit) -> None:
    """amoc case 63."""
    kit.load(kit.port())
    kit.verified.clear()

    assert kit.change() == []
    assert kit.verified == []


def test_an_unchanged_value_runs_neither_function(kit: Kit) -> None:
    """amoc case 64."""
    kit.load(kit.port("a"), kit.port("b", default=2))
    kit.verified.clear()

    kit.change(a=1, b=2)

    assert (kit.verified, kit.updated) == ([], [])


def test_a_value_is_compared_with_the_one_that_was_stored(kit: Kit) -> None:
    """amoc case 64: a given value counts as unchanged when it equals the processed one."""
    kit.load(kit.port(default="1", verify=lambda value: (True, int(value))))

    assert (kit.change(port=1), kit.change(port="1")) == ([], ["port"])


@pytest.mark.parametrize(
    ("stored", "given"),
    [
        pytest.param(1, True, id="bool for int"),
        pytest.param(1, 1.0, id="float for int"),
        pytest.param(float("nan"), float("nan"), id="NaN"),
        pytest.param(Unequal(), Unequal(), id="what cannot be compared"),
    ],
)
def test_a_value_of_another_type_or_unequal_to_itself_is_a_change(
    kit: Kit, stored: object, given: object
) -> None:
    kit.load(kit.port(default=stored, verify=None))

    assert kit.change(port=given) == ["port"]


def test_an_update_of_a_read_only_setting_names_it_even_when_unchanged(kit: Kit) -> None:
    """amoc case 65."""
    kit.load(kit.port("a"), kit.port("b", update=False), kit.port("c", update=False))
    kit.verified.clear()

    with pytest.raises(ReadOnlySetting) as caught:
        kit.settings.update({"a": 2, "b": 2, "c": 1})

    assert caught.value.names == (("b", "chat"), ("c", "chat"))
    assert caught.value.reason == "readonly_parameters"
    assert (kit.settings.current(), kit.verified) == ({"a": 1, "b": 1, "c": 1}, [])


def test_an_update_with_a_refused_value_changes_nothing(kit: Kit) -> None:
    """amoc case 66."""
    kit.load(kit.port("a"), kit.port("b"), kit.port("c"))

    with pytest.raises(SettingsRejected) as caught:
        kit.change(a=2, b=100, c="x")

    assert [name for name, _, _ in caught.value.rejected] == ["b", "c"]
    assert (kit.settings.current(), kit.updated) == ({"a": 1, "b": 1, "c": 1}, [])


def test_an_update_of_an_unknown_name_verifies_nothing(kit: Kit) -> None:
    """amoc case 67."""
    kit.load(kit.port())
    kit.verified.clear()

    with pytest.raises(UnknownSetting) as caught:
        kit.settings.update({"port": 2, "prot": 3})

    assert caught.value.names == ("prot",)
    assert (kit.settings.current(), kit.verified) == ({"port": 1}, [])


def test_an_update_stores_what_the_verification_made_of_the_value(kit: Kit) -> None:
    kit.load(kit.port(verify=lambda value: (True, int(value))))

    kit.change(port="80")

    assert (kit.settings.get("port"), kit.updated) == (80, [("port", 80)])


def test_a_setting_that_may_change_silently_calls_nobody(kit: Kit) -> None:
    kit.load(kit.port(update=True))

    assert kit.change(port=2) == []
    assert kit.settings.get("port") == 2


def test_text_of_an_update_is_read_like_that_of_the_start(kit: Kit) -> None:
    kit.load(kit.port(), parse=lambda text: len(text))

    kit.change(port=Text("four"))

    assert kit.settings.get("port") == 4


@pytest.mark.parametrize(
    ("values", "error"),
    [
        pytest.param({"port": 2, "prot": 3}, UnknownSetting, id="unknown name"),
        pytest.param({"port": 2, "other": 100}, SettingsRejected, id="refused value"),
        pytest.param({17: 1}, UnknownSetting, id="a name that is no text"),
    ],
)
def test_a_merge_is_all_or_nothing(
    kit: Kit, values: dict[str, object], error: type[Exception]
) -> None:
    kit.load(kit.port(), kit.port("other"))

    with pytest.raises(error):
        kit.settings.merge(values)

    assert kit.settings.current() == {"port": 1, "other": 1}


def test_a_merge_may_set_what_is_read_only(kit: Kit) -> None:
    kit.load(kit.port(update=False))

    kit.settings.merge({"port": 2})

    assert kit.settings.get("port") == 2


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("1", id="text for a number"),
        pytest.param("", id="empty"),
        pytest.param("\0", id="NUL"),
        pytest.param("caf\udce9", id="no Unicode"),
        pytest.param("x" * 1_000_000, id="1 MB"),
        pytest.param(float("nan"), id="NaN"),
        pytest.param(float("inf"), id="infinity"),
        pytest.param(-1, id="negative"),
        pytest.param(10**30, id="10**30"),
        pytest.param(10**5000, id="a number too long to be written"),
        pytest.param(None, id="None"),
        pytest.param([1], id="list"),
        pytest.param({}, id="dict"),
        pytest.param(b"1", id="bytes"),
        pytest.param(object, id="class"),
    ],
)
@pytest.mark.parametrize("source", ["given", "file", "merge", "update"])
def test_garbage_is_refused_by_name_from_every_source(kit: Kit, source: str, value: object) -> None:
    variable = kit.port(verify=range(1, 65536))
    kit.load(variable)

    with pytest.raises(
        SettingsRejected, match=r"port = .*: not one of range\(1, 65536\)"
    ) as caught:
        kit.put(variable, source, value)

    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable()
    assert kit.settings.current() == {"port": 1}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("x", id="word"),
        pytest.param("0", id="0"),
        pytest.param("-1", id="negative"),
        pytest.param("nan", id="NaN"),
        pytest.param("1e400", id="infinity"),
        pytest.param("9" * 5000, id="a number too long to be read"),
        pytest.param("caf\udce9", id="no Unicode"),
        pytest.param("x" * 1_000_000, id="1 MB"),
        pytest.param("None", id="None"),
        pytest.param(" ", id="blank"),
    ],
)
@pytest.mark.parametrize("source", ["environment", "given"])
def test_garbage_text_is_refused_by_name(kit: Kit, source: str, text: str) -> None:
    values: dict[str, Any] = {
        "environment": {"CROWSG_PORT": text},
        "given": {"port": Text(text)},
    }

    with pytest.raises(SettingsRejected, match="port = ") as caught:
        kit.load(kit.port(verify=range(1, 65536)), **{source: values[source]})

    assert len(str(caught.value)) < 400
    assert kit.settings.current() == {}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("", id="empty"),
        pytest.param("a\0", id="NUL"),
        pytest.param("two\nlines", id="two lines"),
        pytest.param("x" * 1_000_000, id="1 MB"),
        pytest.param("\ud800", id="no Unicode"),
        pytest.param(17, id="number"),
        pytest.param(None, id="None"),
        pytest.param((1, 2), id="tuple"),
    ],
)
def test_a_garbage_name_is_refused_in_a_short_line(kit: Kit, name: Any) -> None:
    with pytest.raises(UnknownSetting) as caught:
        kit.load(kit.port(), given={name: 1})

    assert len(str(caught.value)) < 200
    assert str(caught.value).isprintable()


def test_no_user_runs_on_a_refused_setting(bench: Bench) -> None:
    ran: list[int] = []
    variable = Variable("port", "a port", default=1, verify=range(1, 65536))
    scenario = make_scenario(ran.append, required_variables=[variable], init=lambda: ran.append(0))

    with pytest.raises(SettingsRejected):
        bench.do(scenario, 10, port=-1)
    bench.clock.advance(10)

    assert (ran, bench.count("asked"), bench.state()) == ([], 0, "error")


def test_the_facade_reads_the_settings_of_the_current_node_alone() -> None:
    scenario = make_scenario(required_variables=[Variable("port", "a port", default=1)])
    benches = [Bench(), Bench()]

    for number, bench in enumerate(benches):
        bench.do(scenario, 0, port=number)

    for number, bench in enumerate(benches):
        with node_context(bench.node):
            assert config.get("port") == config.current()["port"] == number


SECRET = "hunter2"


def leak(value: object) -> bool:
    raise RuntimeError(f"no good: {value}")


@pytest.mark.parametrize(
    ("verify", "parse"),
    [
        pytest.param(["other"], None, id="list"),
        pytest.param(["other", SECRET[::-1]], None, id="allowed values"),
        pytest.param(lambda value: (False, f"{value} is bad"), None, id="reason"),
        pytest.param(lambda value: f"{value}!", None, id="nonsense"),
        pytest.param(leak, None, id="exception"),
        pytest.param(["other"], leak, id="parser"),
    ],
)
def test_a_secret_is_in_no_error_and_no_event(kit: Kit, verify: Any, parse: Any) -> None:
    variable = Variable("password", "a secret", verify=verify, secret=True)

    with (
        capture_events(kit.telemetry, *CONFIG_EVENTS) as events,
        pytest.raises(SettingsRejected) as caught,
    ):
        kit.load(variable, environment={"CROWSG_PASSWORD": SECRET}, parse=parse)

    assert "password = ***: " in str(caught.value)
    assert SECRET not in everything_said(caught.value, events)
    assert SECRET[::-1] not in everything_said(caught.value, events)


def test_a_secret_refused_in_an_update_is_in_no_error(kit: Kit) -> None:
    kit.load(kit.port(secret=True))

    with pytest.raises(SettingsRejected) as caught:
        kit.settings.update({"port": SECRET})

    assert SECRET not in everything_said(caught.value, [])


def test_the_values_of_a_run_are_listed_with_secrets_masked(kit: Kit) -> None:
    variables = [kit.port(), Variable("password", "a secret", default="x", secret=True)]

    assert kit.load(*variables, given={"password": SECRET}) == {"port": 1, "password": "***"}
    assert kit.settings.get("password") == SECRET


def test_a_secret_that_has_no_value_is_listed_as_none(kit: Kit) -> None:
    assert kit.load(Variable("password", "a secret", default=None, secret=True)) == {
        "password": None
    }


@pytest.mark.parametrize(
    "verify",
    [
        pytest.param(lambda value: 1 // 0, id="raises"),
        pytest.param(lambda value: "yes", id="returns nonsense"),
    ],
)
def test_a_verification_that_misbehaves_is_told(kit: Kit, verify: Any) -> None:
    with capture_events(kit.telemetry, *CONFIG_EVENTS) as events, pytest.raises(SettingsRejected):
        kit.load(kit.port(verify=verify))

    (event,) = events
    assert (event.name[-1], event.measurements) == ("verify", {"error": 1})
    assert event.metadata["setting"] == "port"
    assert event.metadata["log_level"] == "error"
    assert "lambda" in event.metadata["method"]


def test_an_ordinary_refusal_is_no_event(kit: Kit) -> None:
    with capture_events(kit.telemetry, *CONFIG_EVENTS) as events, pytest.raises(SettingsRejected):
        kit.load(kit.port(verify=[2]))

    assert events == []
