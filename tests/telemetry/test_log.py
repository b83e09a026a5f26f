"""Events with a level go to the log of the standard library, whatever they carry."""

import logging

import pytest

from crowsg.telemetry import log
from crowsg.telemetry.bus import HANDLER_FAILURE, Bus, EventName
from crowsg.testing import ManualClock

LOGGER = logging.getLogger("crowsg.test")
VERIFY: EventName = ("crowsg", "config", "verify")


class Unprintable(Exception):
    def __repr__(self) -> str:
        raise RuntimeError

    __str__ = __repr__


@pytest.fixture
def bus(caplog: pytest.LogCaptureFixture) -> Bus:
    """Returns a bus whose events go to the log, from ``info`` on."""
    caplog.set_level("INFO", logger=LOGGER.name)
    bus = Bus(ManualClock())
    log.attach(bus, LOGGER)
    return bus


def fail(*_: object) -> None:
    raise Unprintable


@pytest.mark.parametrize("event", log.LOGGED_EVENTS, ids=".".join)
def test_every_event_with_a_level_is_written(
    bus: Bus, caplog: pytest.LogCaptureFixture, event: EventName
) -> None:
    bus.execute(event, {"error": 1}, {"log_level": "error", "setting": "port"})

    assert [record.message for record in caplog.records] == [f"{'.'.join(event)}:  setting='port'"]


@pytest.mark.parametrize("level", ["info", "warning", "ERROR", "critical"])
def test_the_event_says_at_which_level(
    bus: Bus, caplog: pytest.LogCaptureFixture, level: str
) -> None:
    bus.execute(VERIFY, {}, {"log_level": level, "msg": "look"})

    assert caplog.record_tuples == [
        (LOGGER.name, logging.getLevelNamesMapping()[level.upper()], "crowsg.config.verify: look ")
    ]


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({"log_level": "debug"}, id="below the level of the logger"),
        pytest.param({}, id="no level"),
        pytest.param({"log_level": ""}, id="empty level"),
        pytest.param({"log_level": "loud"}, id="unknown level"),
        pytest.param({"log_level": None}, id="None"),
    ],
)
def test_an_event_without_a_level_to_be_heard_is_not_written(
    bus: Bus, caplog: pytest.LogCaptureFixture, metadata: dict[str, object]
) -> None:
    bus.execute(VERIFY, {}, metadata)

    assert caplog.records == []


@pytest.mark.parametrize(
    ("value", "written"),
    [
        pytest.param("two\nlines", r"'two\nlines'", id="line break"),
        pytest.param("100 %s", "'100 %s'", id="percent sign"),
        pytest.param("\x1b[31m", r"'\x1b[31m'", id="control characters"),
        pytest.param("\udcff", r"'\udcff'", id="no Unicode"),
        pytest.param(Unprintable(), "<Unprintable>", id="unprintable"),
    ],
)
def test_any_value_is_written_in_one_line(
    bus: Bus, caplog: pytest.LogCaptureFixture, value: object, written: str
) -> None:
    bus.execute(VERIFY, {}, {"log_level": "error", "reason": value})

    assert [record.message for record in caplog.records] == [
        f"crowsg.config.verify:  reason={written}"
    ]


def test_a_value_of_a_megabyte_is_cut(bus: Bus, caplog: pytest.LogCaptureFixture) -> None:
    bus.execute(VERIFY, {}, {"log_level": "error", "reason": "x" * 1_000_000})

    assert len(caplog.records[0].message) < 1000


def test_a_handler_that_raised_is_written_and_the_log_goes_on(
    bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    bus.attach("bad", VERIFY, fail)

    bus.execute(VERIFY, {}, {"log_level": "error"})
    bus.execute(VERIFY, {}, {"log_level": "error"})

    names = [record.message.partition(":")[0] for record in caplog.records]
    assert sorted(names) == ["crowsg.config.verify"] * 2 + [".".join(HANDLER_FAILURE)]
    assert "handler_id='bad'" in caplog.text


def test_a_bus_is_logged_only_once(bus: Bus) -> None:
    with pytest.raises(ValueError, match=log.HANDLER_ID):
        log.attach(bus, LOGGER)
