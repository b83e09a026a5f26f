"""Cookies of one session, kept and sent by the rules of the standard library."""

from email.message import Message
from http.cookiejar import CookieJar
from urllib.request import Request as Url

from crowsg.protocols.http.request import Request
from crowsg.protocols.http.response import Response

_MOST = 1000
"""A server that sets more has more forgotten."""


class _Info:
    """A response as the standard library sees one."""

    def __init__(self, message: Message) -> None:
        self._message = message

    def info(self) -> Message:
        """Return its headers."""
        return self._message


class Cookies:
    """A jar."""

    def __init__(self) -> None:
        self._jar = CookieJar()

    def header(self, request: Request) -> str:
        """Return what the Cookie header of a request says, "" for nothing."""
        if any(name.lower() == "cookie" for name in request.headers):
            return ""
        url = _url(request)
        self._jar.add_cookie_header(url)
        return url.get_header("Cookie") or ""

    def keep(self, request: Request, response: Response) -> None:
        """Keep what a response sets."""
        values = response.headers.all("set-cookie")
        if values and len(self._jar) < _MOST:
            message = Message()
            for value in values:
                message["Set-Cookie"] = value
            self._jar.extract_cookies(_Info(message), _url(request))  # type: ignore[arg-type]


def _url(request: Request) -> Url:
    origin = request.origin
    scheme = "https" if origin.is_tls else "http"
    return Url(f"{scheme}://{origin.authority}{request.target}")
