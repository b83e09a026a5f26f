"""Addresses: how they are written, and which of them need keys."""

import pytest

from crowsg.cluster.address import is_loopback, parse, refuse_open, spell
from crowsg.errors import InvalidAddress


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("host", ("host", 9400)),
        ("host:1", ("host", 1)),
        ("host.example:65535", ("host.example", 65535)),
        ("10.0.0.1:0", ("10.0.0.1", 0)),
        ("::1", ("::1", 9400)),
        ("[::1]", ("::1", 9400)),
        ("[fe80::1%eth0]:80", ("fe80::1%eth0", 80)),
        ("under_score", ("under_score", 9400)),
    ],
)
def test_an_address_has_a_host_and_a_port(address: str, parts: tuple[str, int]) -> None:
    assert parse(address) == parts


def test_the_port_that_is_not_named_is_given() -> None:
    assert parse("host", 7) == ("host", 7)


@pytest.mark.parametrize(
    "address",
    [
        "", ":1", "host:", "host:x", "host:-1", "host:65536", "host:1:2", "[::1", "[::1]x",
        "[::1]:", "[host]:1", "[]:1", "a b", "a/b", "tcp://host:1", "*:1", "host:1 ",
        "host:\u0661", "höst", "a\nb", "host:" + "9" * 5000, "h" * 5000 + "\x00", "user@host",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_one_line(address: str) -> None:
    with pytest.raises(InvalidAddress) as caught:
        parse(address)

    told = str(caught.value)
    assert len(told) < 200
    assert told.isprintable()


@pytest.mark.parametrize("parts", [("host", 1), ("127.0.0.1", 0), ("::1", 65535)])
def test_what_is_spelled_is_parsed(parts: tuple[str, int]) -> None:
    assert parse(spell(*parts)) == parts


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_needs_no_keys(host: str) -> None:
    refuse_open(host, has_keys=False)

    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "10.0.0.1", "fe80::1", "host", "localhost.evil.example", "128.0.0.1", ""],
)
def test_what_others_can_reach_needs_keys(host: str) -> None:
    refuse_open(host, has_keys=True)

    with pytest.raises(InvalidAddress, match="crowsg keys new"):
        refuse_open(host, has_keys=False)
