"""Names are looked up once for all who ask, remembered for a while, and never block others."""

import _socket
from collections.abc import Callable
from contextlib import suppress

import gevent
import gevent.event
import pytest

from crowsg.protocols.http.failure import Failure
from crowsg.protocols.http.resolving import Names, look_up
from crowsg.protocols.http.transport import Address
from crowsg.testing import ManualClock

FOUND: list[Address] = [
    (_socket.AF_INET6, ("::1", 0, 0, 0)),
    (_socket.AF_INET, ("127.0.0.1", 0)),
]


class Asked:
    """A look-up that counts how often it is used."""

    def __init__(self, answer: Callable[[], list[Address]] = lambda: FOUND) -> None:
        self.hosts: list[str] = []
        self._answer = answer

    def __call__(self, host: str) -> list[Address]:
        self.hosts.append(host)
        return self._answer()


def fail() -> list[Address]:
    raise OSError("nobody knows")


def test_addresses_have_the_port() -> None:
    names = Names(ManualClock(), Asked())

    assert names.addresses("host", 80) == [
        (_socket.AF_INET6, ("::1", 80, 0, 0)),
        (_socket.AF_INET, ("127.0.0.1", 80)),
    ]


@pytest.mark.parametrize(
    ("answer", "seconds", "times"),
    [
        pytest.param(lambda: FOUND, 9, 1, id="fresh"),
        pytest.param(lambda: FOUND, 11, 2, id="old"),
        pytest.param(fail, 0.9, 1, id="failed-just-now"),
        pytest.param(fail, 1.1, 2, id="failed-a-while-ago"),
    ],
)
def test_an_answer_is_believed_for_a_while(
    answer: Callable[[], list[Address]], seconds: float, times: int
) -> None:
    clock, asked = ManualClock(), Asked(answer)
    names = Names(clock, asked)

    for host in ("host", "other", "host"):
        with suppress(Failure):
            names.addresses(host, 80)
        clock.advance(seconds / 2)

    assert asked.hosts.count("host") == times


def test_a_name_nobody_knows_is_dns() -> None:
    with pytest.raises(Failure) as caught:
        Names(ManualClock(), Asked(fail)).addresses("host", 80)

    assert caught.value.kind == "dns"


def test_many_who_ask_at_once_wait_for_one_answer() -> None:
    go = gevent.event.Event()

    def answer() -> list[Address]:
        go.wait()
        return FOUND

    asked = Asked(answer)
    names = Names(ManualClock(), asked)
    asking = [gevent.spawn(names.addresses, "host", 80) for _ in range(5)]
    gevent.sleep(0)
    asking[0].kill()
    go.set()

    assert all(len(each.get(timeout=1)) == 2 for each in asking[1:])
    assert asked.hosts == ["host"]


def test_ever_more_hosts_do_not_fill_the_memory() -> None:
    names = Names(ManualClock(), Asked())

    for number in range(1500):
        names.addresses(f"host-{number}", 80)

    assert len(names._known) <= 1000


def test_a_name_that_cannot_be_one_is_dns() -> None:
    def answer() -> list[Address]:
        raise UnicodeError

    with pytest.raises(Failure) as caught:
        Names(ManualClock(), Asked(answer)).addresses("a" * 80, 80)

    assert caught.value.kind == "dns"


def test_the_system_knows_this_machine() -> None:
    assert (_socket.AF_INET, ("127.0.0.1", 0)) in look_up("localhost")
