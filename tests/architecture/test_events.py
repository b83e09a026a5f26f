"""The guide of ``crowsg.telemetry`` lists exactly the events that crowsg emits."""

import pytest

from crowsg import telemetry
from tests.architecture.events import Emitted, listed, written
from tests.architecture.package import Module, modules, refuse

DOCUMENTED = listed(telemetry.__doc__ or "")


def test_every_emitted_event_is_documented() -> None:
    refuse(
        (
            f"{place}: {event}"
            for event, place in Emitted(modules()).found().items()
            if event not in DOCUMENTED
        ),
        "Add these to the table in the docstring of crowsg/telemetry/__init__.py; a word in <> is "
        "one this test cannot follow to a literal, so pass a literal:",
    )


def test_every_documented_event_is_emitted() -> None:
    refuse(
        set(DOCUMENTED) - set(Emitted(modules()).found()),
        "Nobody emits these: take them out of the table in crowsg/telemetry/__init__.py, or emit "
        "them:",
    )


def test_every_event_named_in_the_code_is_documented() -> None:
    spans = {event.removesuffix(", *") for event in DOCUMENTED}

    refuse(
        (f"{place}: {event}" for event, place in written(modules()).items() if event not in spans),
        "These name no event of the table in crowsg/telemetry/__init__.py: a wrong word?",
    )


def test_no_event_is_documented_twice() -> None:
    assert len(DOCUMENTED) == len(set(DOCUMENTED)), "keep one row of each event in the table"


@pytest.mark.parametrize(
    ("text", "events"),
    [
        pytest.param("bus.execute(('crowsg', 'a'), {}, {})", {"crowsg, a"}, id="execute"),
        pytest.param("x = bus.event(('crowsg', 'a'))", {"crowsg, a"}, id="bound"),
        pytest.param("SpanEvents(bus, ('crowsg', 'a'))", {"crowsg, a, *"}, id="span"),
        pytest.param("A = ('telemetry', 'a')\nbus.event(A)", {"telemetry, a"}, id="constant"),
        pytest.param(
            "def report(self, kind): bus.execute(('crowsg', kind))\n"
            "def f(): self.report('a')\n"
            "def g(bad):\n    what = 'b' if bad else ''\n    self.report(kind=what)",
            {"crowsg, a", "crowsg, b"},
            id="passed-in",
        ),
        pytest.param("bus.execute(('crowsg', word()))", {"crowsg, <word()>"}, id="unknown"),
        pytest.param("bus.execute(('other', 'a'))", set(), id="somebody-else's"),
    ],
)
def test_emitted_events_are_found(text: str, events: set[str]) -> None:
    assert set(Emitted((Module.of(text),)).found()) == events
