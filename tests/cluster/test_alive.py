"""Signs of life on their way: what is one, and what is none."""

from typing import Any

import pytest

from crowsg.cluster.alive import Alive, Condition, alive_of
from crowsg.cluster.packing import pack, unpack
from crowsg.errors import Refused

PROPER = {"now": 1, "digest": "d", "heard": 0, "state": "up", "place": ""}


@pytest.mark.parametrize("condition", ["up", "stalled", "fenced"])
def test_it_arrives_as_it_was_given(condition: Condition) -> None:
    given = Alive((1 << 63) - 1, "0f" * 8, 5, condition, "spin (scene.py:7)")

    assert alive_of(unpack(pack(given.packed()))) == given


def test_a_place_that_is_too_long_is_cut() -> None:
    given = Alive(1, "d", 0, "stalled", "x\n" * 1000)

    assert alive_of(given.packed()).place == "x " * 128


class TestSad:
    @pytest.mark.parametrize(
        "body",
        [None, 1, "x", [], {}, *({**PROPER, **wrong} for wrong in (
            {"now": -1}, {"now": "x"}, {"now": True}, {"now": 1 << 63}, {"now": None},
            {"heard": -1}, {"heard": None}, {"heard": 1.5}, {"digest": 5}, {"digest": "x" * 300},
            {"state": "dead"}, {"state": "left"}, {"state": None}, {"state": ["up"]},
            {"place": None}, {"place": "a\nb"}, {"place": "x" * 300},
        )), *({key: PROPER[key] for key in PROPER if key != missing} for missing in PROPER)],
        ids=str,
    )  # fmt: skip
    def test_what_is_none_is_refused(self, body: Any) -> None:
        with pytest.raises(Refused) as caught:
            alive_of(body)

        assert caught.value.kind == "malformed"
