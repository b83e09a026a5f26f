"""What can go wrong with a request, as the kinds it is counted under."""

from typing import Final

TIMEOUT: Final = "timeout"
REFUSED: Final = "refused"
DNS: Final = "dns"
TLS: Final = "tls"
CLOSED: Final = "closed"
PROTOCOL: Final = "protocol"
EXHAUSTED: Final = "exhausted"
"""This machine has no sockets, ports or memory left: the generator's own trouble."""


class Failure(Exception):
    """A request came to nothing; never leaves this package.

    Args:
        kind: What it is counted under.
        detail: What exactly happened, for people.
    """

    def __init__(self, kind: str, detail: str = "") -> None:
        self.kind = kind
        self.detail = detail
        super().__init__(f"{kind}: {detail}" if detail else kind)
