"""Heads of requests as bytes, checked so that nothing can be smuggled in by a value."""

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from crowsg.errors import InvalidRequest

Headers = Mapping[str, str | None]
"""Headers to send; None takes away one that would be sent otherwise."""

Params = Mapping[str, Any] | Iterable[tuple[str, Any]]
Auth = str | tuple[str, str]

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f#]")
_PLAIN = re.compile(r"[!-~]*")

OWN = frozenset({"content-length", "transfer-encoding"})
"""Headers that follow from the body."""


def target_of(path: str, params: Params | None = None) -> str:
    """Return what is asked for, as it is sent: path and query, percent-encoded where needed.

    Raises:
        InvalidRequest: The path does not begin with "/", or holds a fragment or a control
            character, or ``params`` are no names and values.
    """
    if not isinstance(path, str) or not path.startswith("/"):
        raise InvalidRequest(f"a path begins with '/', not {path!r:.200}")
    if _UNSAFE.search(path):
        raise InvalidRequest(f"no control character and no '#' in a path: {path!r:.200}")
    if not _PLAIN.fullmatch(path):
        path = quote(path, safe="/?%&=+,;:@!$'()*~[]")
    query = _query(params) if params else ""
    return path + ("&" if "?" in path else "?") + query if query else path


def method_of(method: str) -> str:
    """Return a method that may be sent.

    Raises:
        InvalidRequest: It is no word, or one for tunnels.
    """
    if not isinstance(method, str) or not _TOKEN.fullmatch(method) or method == "CONNECT":
        raise InvalidRequest(f"no method: {method!r:.60}")
    return method


def merged(headers: dict[str, str], more: Headers | None) -> dict[str, str]:
    """Return ``headers`` with ``more`` of them, which win; case does not matter.

    Raises:
        InvalidRequest: A name is no word, or a value no text that fits on its line.
    """
    if not more:
        return headers
    if not isinstance(more, Mapping):
        raise InvalidRequest(f"headers are a mapping of names to values, not {more!r:.60}")
    spelled = {name.lower(): (name, value) for name, value in headers.items()}
    for name, value in more.items():
        _check_name(name)
        if value is None:
            spelled.pop(name.lower(), None)
        else:
            spelled[name.lower()] = (name, _checked(name, value))
    return dict(spelled.values())


def head_of(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    """Return the request line and the headers, without the empty line at the end."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {headers[name]}" for name in headers)]
    return ("\r\n".join(lines) + "\r\n").encode("latin-1")


def lines_of(headers: Headers, taken: frozenset[str]) -> bytes | None:
    """Return headers that need nothing but to be added, as bytes.

    Args:
        headers: What to add.
        taken: Names that are sent already, in small letters.

    Returns:
        Lines; None where one of them is no plain addition, or not allowed: see ``merged``.
    """
    text, names = "", set()
    try:
        for name, value in headers.items():
            key = name.lower()
            if key in taken or not _TOKEN.fullmatch(name) or _CONTROL.search(value or "\0"):
                return None
            names.add(key)
            text += f"{name}: {value}\r\n"
        return text.encode("latin-1") if len(names) == len(headers) else None
    except (AttributeError, TypeError, UnicodeError):
        return None


def authorization(auth: Auth) -> str:
    """Return the header's value: basic for a pair, bearer for a token.

    Raises:
        InvalidRequest: It is neither.
    """
    match auth:
        case str(token):
            return f"Bearer {token}"
        case (str(user), str(password)) if ":" not in user:
            return "Basic " + b64encode(f"{user}:{password}".encode()).decode()
    raise InvalidRequest("auth is (user, password), the user without ':', or a token")


def _query(params: Params) -> str:
    try:
        return urlencode(params if isinstance(params, Mapping) else list(params), doseq=True)
    except (TypeError, ValueError):
        raise InvalidRequest(f"params are names and values, not {params!r:.60}") from None


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not _TOKEN.fullmatch(name):
        raise InvalidRequest(f"no name of a header: {name!r:.60}")
    if name.lower() in OWN:
        raise InvalidRequest(f"{name} is set to what the body is")


def _checked(name: str, value: object) -> str:
    # The value is left out of the message: it may be a secret.
    if not isinstance(value, str) or _CONTROL.search(value):
        raise InvalidRequest(f"the value of {name} is no text without control characters")
    try:
        value.encode("latin-1")
    except UnicodeError:
        raise InvalidRequest(f"the value of {name} is not all latin-1") from None
    return value.strip()
