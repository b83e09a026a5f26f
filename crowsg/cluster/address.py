"""Addresses of nodes: how they are written, and which need keys."""

import ipaddress

from crowsg.errors import InvalidAddress

DEFAULT_PORT = 9400

_WHO = "the cluster"


def parse(address: str, default_port: int = DEFAULT_PORT) -> tuple[str, int]:
    """Take an address apart.

    Args:
        address: ``host``, ``host:port``, ``[v6]`` or ``[v6]:port``; a bare v6 address is a host.
        default_port: The port of an address that names none.

    Returns:
        The host, without brackets, and the port, which may be 0.

    Raises:
        InvalidAddress: It is none of these.
    """
    host, port_text = _split(address)
    if not host or not host.isascii() or any(not c.isprintable() or c in " /@[]*;," for c in host):
        raise InvalidAddress(_WHO, repr(address)[:80], "that is no host[:port]", use="use")
    if port_text is None:
        return host, default_port
    if not (port_text.isascii() and port_text.isdigit() and int(port_text[:6]) <= 65535):
        why = "a port is a whole number from 0 to 65535"
        raise InvalidAddress(_WHO, address[:80], why, use="use")
    return host, int(port_text)


def spell(host: str, port: int) -> str:
    """Return ``host:port``, a v6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refuse_open(host: str, has_keys: bool) -> None:
    """Refuse to listen where strangers could reach a node that asks nobody for a key.

    Raises:
        InvalidAddress: ``host`` is no loopback address, and there are no keys.
    """
    if not has_keys and not is_loopback(host):
        why = "others can reach it, so it needs keys: crowsg keys new, then --keys DIR"
        raise InvalidAddress(_WHO, host, why)


def _split(address: str) -> tuple[str, str | None]:
    """Return the host and, where there is one, the text of the port."""
    if address.startswith("["):
        host, closing, rest = address[1:].partition("]")
        is_v6 = bool(closing) and _is_v6(host) and rest[:1] in ("", ":")
        return (host if is_v6 else ""), (rest[1:] if rest else None)
    if _is_v6(address):
        return address, None
    host, colon, port_text = address.partition(":")
    return host, (port_text if colon else None)


def _is_v6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False
