"""What a base URL says, and how a server is reached by it."""

import _socket
from urllib.parse import urlsplit

import pytest

from crowsg.errors import InvalidRequest
from crowsg.protocols.http.origin import Origin, origin_of, split


@pytest.mark.parametrize(
    ("url", "origin", "prefix", "authority"),
    [
        ("http://host", Origin("http", "host", 80), "", "host"),
        ("HTTP://HOST/", Origin("http", "host", 80), "", "host"),
        ("http://host:80", Origin("http", "host", 80), "", "host"),
        ("http://host:8080/a/b/", Origin("http", "host", 8080), "/a/b", "host:8080"),
        ("https://host", Origin("https", "host", 443), "", "host"),
        ("https://host:80", Origin("https", "host", 80), "", "host:80"),
        ("http://[::1]:80/", Origin("http", "::1", 80), "", "[::1]"),
        ("http://[fe80::1%25lo]:8080", Origin("http", "fe80::1%lo", 8080), "", "[fe80::1]:8080"),
        (
            "http://b\xfccher.example/\xe4",
            Origin("http", "xn--bcher-kva.example", 80),
            "/%C3%A4",
            "",
        ),
        ("http+unix://%2Frun%2Fa.sock", Origin("http+unix", "/run/a.sock", 0), "", "localhost"),
        ("http+unix://%2Frun%2Fa.sock/v1", Origin("http+unix", "/run/a.sock", 0), "/v1", ""),
    ],
)
def test_a_url_is_split(url: str, origin: Origin, prefix: str, authority: str) -> None:
    assert split(url) == (origin, prefix)
    assert not authority or origin.authority == authority


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:1", (_socket.AF_INET, ("127.0.0.1", 1))),
        ("http://[::1]:1", (_socket.AF_INET6, ("::1", 1, 0, 0))),
        ("http://[fe80::1%25lo]:1", None),
        ("http+unix://%2Fa", (_socket.AF_UNIX, "/a")),
        ("http://host", None),
    ],
)
def test_a_literal_needs_no_look_up(url: str, address: object) -> None:
    assert split(url)[0].literal() == address


@pytest.mark.parametrize("url", ["ws://host", "//host", "http://h:x", "http://ex*mple", "http://"])
def test_what_is_no_server_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest):
        origin_of(urlsplit(url))
