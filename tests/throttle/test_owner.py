"""What a throttle may be called."""

import pytest

from crowsg.errors import InvalidThrottle
from crowsg.throttle.owner import checked_name


@pytest.mark.parametrize("name", ["a", "user_rate", "greetings per minute", "Grüße"])
def test_a_short_line_of_text_is_a_name(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize("name", ["", "a\nb", "\x1b[2J", "\udcff", "x" * 10_000, b"a", None, 7])
def test_anything_else_is_none(name: object) -> None:
    with pytest.raises(InvalidThrottle, match="named by a short line"):
        checked_name(name)
