"""Addresses of hosts by name."""

import pytest

from crowsg.cluster.lookup import is_literal, look_up


def test_the_own_machine_has_one_address() -> None:
    assert look_up("localhost", 9400) == ["127.0.0.1:9400"]


def test_a_host_with_several_addresses_has_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(2, 1, 6, "", (host, 9400)) for host in ("10.0.0.2", "10.0.0.1", "10.0.0.2")]
    monkeypatch.setattr("crowsg.cluster.lookup.getaddrinfo", lambda *args, **named: found)

    assert look_up("workers", 9400) == ["10.0.0.2:9400", "10.0.0.1:9400"]


@pytest.mark.parametrize(
    ("host", "expected"), [("10.0.0.1", True), ("::1", True), ("localhost", False), ("a.b", False)]
)
def test_a_number_needs_no_looking_up(host: str, expected: bool) -> None:
    assert is_literal(host) is expected
