"""Numbers of hosts, looked up where nobody waits for them."""

from typing import Any

import pytest
from gevent.monkey import get_original  # noqa: TID251 - on native threads

from crowsg.cluster.zerorpc_link.numbers import Numbers
from tests.cluster.zerorpc_link.nets import wait_until

block = get_original("time", "sleep")


class Resolver:
    """What looks hosts up, on native threads, as the test tells it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.hanging = {"hangs"}

    def __call__(self, host: str, port: None, **options: Any) -> Any:
        self.asked.append(host)
        while host in self.hanging:
            block(0.01)
        if host == "nowhere":
            raise OSError("no such host")
        return [(2, 1, 6, "", ("10.0.0.7", 0))]


def test_a_number_is_known_at_once() -> None:
    resolver = Resolver()

    assert [Numbers(resolver).of(each) for each in ("127.0.0.1", "::1")] == ["127.0.0.1", "::1"]
    assert resolver.asked == []


def test_a_name_is_known_when_it_was_looked_up() -> None:
    numbers = Numbers(Resolver())
    assert numbers.of("there") is None

    wait_until(lambda: numbers.of("there") == "10.0.0.7")


def test_the_system_looks_up_where_nobody_else_does() -> None:
    numbers = Numbers()

    wait_until(lambda: numbers.of("localhost") in ("127.0.0.1", "::1"))


def test_a_look_up_that_hangs_delays_no_other() -> None:
    """R27: and while it hangs there is only one of it."""
    resolver = Resolver()
    numbers = Numbers(resolver)
    assert [numbers.of("hangs") for _ in range(5)] == [None] * 5

    wait_until(lambda: numbers.of("there") == "10.0.0.7")

    assert resolver.asked.count("hangs") == 1
    resolver.hanging.clear()
    wait_until(lambda: numbers.of("hangs") == "10.0.0.7")


def test_a_name_is_looked_up_later_where_there_can_be_no_more_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*args: Any) -> None:
        raise RuntimeError("can't start new thread")

    numbers = Numbers(Resolver())
    with monkeypatch.context() as patched:
        patched.setattr(numbers, "_start", refuse)
        assert numbers.of("there") is None

    wait_until(lambda: numbers.of("there") == "10.0.0.7")


@pytest.mark.parametrize("times", [2, 3])
def test_a_name_that_is_not_known_is_looked_up_again(times: int) -> None:
    resolver = Resolver()
    numbers = Numbers(resolver)

    def is_asked() -> bool:
        assert numbers.of("nowhere") is None
        return len(resolver.asked) >= times

    wait_until(is_asked)
