"""One version of a name at a time, while runs use it."""

import pytest

from crowsg.code.pins import Pins
from crowsg.errors import CodeVersionChanged


@pytest.fixture
def pins() -> Pins:
    pins = Pins()
    pins.pin({"chat": "1" * 64, "cart": "2" * 64}, "run-1")
    return pins


def test_the_version_in_use_is_fine(pins: Pins) -> None:
    pins.check("chat", "1" * 64)


def test_any_version_of_another_name_is_fine(pins: Pins) -> None:
    pins.check("other", "9" * 64)


def test_another_version_is_refused(pins: Pins) -> None:
    with pytest.raises(CodeVersionChanged, match="chat is in use in version 111111111111 and"):
        pins.check("chat", "9" * 64)


def test_after_the_run_another_version_is_fine(pins: Pins) -> None:
    pins.release("run-1")

    pins.check("chat", "9" * 64)


def test_as_long_as_one_run_uses_it_it_stays(pins: Pins) -> None:
    pins.pin({"chat": "1" * 64}, "run-2")
    pins.release("run-1")

    with pytest.raises(CodeVersionChanged):
        pins.check("chat", "9" * 64)


def test_a_run_may_pin_more_later(pins: Pins) -> None:
    pins.pin({"late": "3" * 64}, "run-1")

    for name in ("chat", "late"):
        with pytest.raises(CodeVersionChanged):
            pins.check(name, "9" * 64)


def test_of_a_refused_pin_nothing_stays(pins: Pins) -> None:
    with pytest.raises(CodeVersionChanged):
        pins.pin({"other": "3" * 64, "chat": "9" * 64}, "run-2")

    pins.check("other", "9" * 64)


def test_a_run_that_pinned_nothing_may_be_released(pins: Pins) -> None:
    pins.release("run-7")
