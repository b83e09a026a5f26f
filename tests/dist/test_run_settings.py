from typing import Any

import pytest

from crowsg.cluster.packing import pack, unpack
from crowsg.config.settings import Text
from crowsg.dist.run_settings import packed, unpacked
from crowsg.errors import NotSendable
from crowsg.rate import Rate


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        7,
        -1.5,
        "text",
        b"bytes",
        [1, [2]],
        (1, (2, "x")),
        {"a": (1, 2)},
        Text("100/min"),
        Rate(50, per=1),
        Rate.parallel(3),
        Rate.UNLIMITED,
        Rate.PAUSED,
        Rate.interarrival(0.02),
    ],
    ids=repr,
)
def test_values_arrive_as_they_were_sent(value: Any) -> None:
    arrived = unpacked(unpack(pack(packed({"name": value}))))

    assert arrived == {"name": value}
    assert type(arrived["name"]) is type(value)


def test_what_cannot_travel_is_named() -> None:
    with pytest.raises(NotSendable, match="the setting host cannot be sent"):
        packed({"port": 1, "host": object()})


@pytest.mark.parametrize(
    "plain",
    [
        None,
        [],
        "text",
        {"a": 1},
        {"a": {}},
        {"a": {"text": 1}},
        {"a": {"rate": 5}},
        {"a": {"x": 1}},
    ],
    ids=repr,
)
def test_what_is_none_is_refused(plain: Any) -> None:
    with pytest.raises(ValueError, match="setting"):
        unpacked(plain)
