"""What every message between nodes is wrapped in, and what is refused by its wrapping alone."""

from dataclasses import dataclass
from typing import Any

from crowsg.cluster.address import parse
from crowsg.cluster.identity import PROTOCOL, Identity, is_name
from crowsg.cluster.link import Origin, Payload
from crowsg.errors import InvalidAddress, Refused
from crowsg.text import line_of, shown

MAX_TEXT = 256
"""Characters of a cluster's name, a run's id or an address."""

_MAX_INT = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message, as it was accepted.

    Attributes:
        name: Who sent it.
        incarnation: That node's life.
        address: Where that node is reached; "" for one that cannot be.
        run: The run it belongs to; "" for none.
        command: Its number, one of a kind for that life.
        deadline_ns: When its sender gives up, on the receiver's clock; 0 for never.
        body: What is said.
    """

    name: str
    incarnation: int
    address: str
    run: str
    command: int
    deadline_ns: int
    body: Payload


def sealed(sender: Identity, to: int, message: Envelope) -> Payload:
    """Return ``message`` as it travels.

    Args:
        sender: Who sends it.
        to: Incarnation of the receiver; 0 for whoever is there.
        message: What is sent.
    """
    return {
        "v": PROTOCOL,
        "cluster": sender.cluster,
        "from": message.name,
        "inc": message.incarnation,
        "at": message.address,
        "to": to,
        "run": message.run,
        "id": message.command,
        "by": message.deadline_ns,
        "body": message.body,
    }


def opened(payload: Payload, origin: Origin, own: Identity, now_ns: int) -> Envelope:
    """Return the message in ``payload``, which is for this node, and in time.

    Args:
        payload: What arrived; anything.
        origin: What the link knows of its sender.
        own: Who this node is.
        now_ns: The moment, on this node's clock.

    Raises:
        Refused: ``malformed``, ``other_version``, ``other_cluster``, ``wrong_key`` or ``stale``.
    """
    if not isinstance(payload, dict):
        raise malformed("a message", payload)
    refuse_foreign(payload.get("v"), payload.get("cluster"), own)
    message = _read(payload)
    if origin.name and origin.name != message.name:
        raise Refused("wrong_key", f"the key of {origin.name} does not speak for {message.name}")
    if number_of(payload, "to") not in (0, own.incarnation):
        raise Refused("stale", f"that is for a former life of {own.name}")
    if message.deadline_ns and message.deadline_ns <= now_ns:
        raise Refused("stale", f"that came to {own.name} after its deadline")
    return message


def refuse_foreign(version: Payload, cluster: Payload, own: Identity) -> None:
    """Refuse whoever speaks another version, or belongs to another cluster.

    Raises:
        Refused: ``malformed``, ``other_version`` or ``other_cluster``.
    """
    if type(version) is not int:
        raise malformed("v", version)
    if version != PROTOCOL:
        raise Refused(
            "other_version",
            f"{own.name} speaks version {PROTOCOL} of the protocol, not {shown(version, 20)}: "
            "run the same crowsg on all nodes",
        )
    if not is_short_line(cluster):
        raise malformed("cluster", cluster)
    if cluster != own.cluster:
        raise Refused(
            "other_cluster", f"{own.name} belongs to the cluster {own.cluster!r}, not {cluster!r}"
        )


def is_short_line(text: object) -> bool:
    """Whether this is text that fits into any line of a log."""
    return isinstance(text, str) and len(text) <= MAX_TEXT and line_of(text) == text


def is_address(text: object) -> bool:
    """Whether this is ``host:port`` of one that can be reached."""
    if not is_short_line(text):
        return False
    try:
        return parse(str(text), default_port=0)[1] > 0
    except InvalidAddress:
        return False


def is_incarnation(value: object) -> bool:
    """Whether this can be the number of a node's life."""
    return type(value) is int and 0 < value <= _MAX_INT


def malformed(what: str, value: object) -> Refused:
    """Return the refusal of something that is not what it should be."""
    return Refused("malformed", f"{what} cannot be {shown(value, 60)}")


def number_of(payload: dict[Any, Any], field: str, least: int = 0) -> int:
    """Return the whole number in a field: a moment, a life, or what counts something.

    Raises:
        Refused: ``malformed``: it is none, or less than ``least``, or beyond 63 bits.
    """
    value = payload.get(field)
    if type(value) is not int or not least <= value <= _MAX_INT:
        raise malformed(field, value)
    return value


def _read(payload: dict[Any, Any]) -> Envelope:
    name, address, run = payload.get("from"), payload.get("at"), payload.get("run")
    if not is_name(name):
        raise malformed("from", name)
    if address != "" and not is_address(address):
        raise malformed("at", address)
    if not is_short_line(run):
        raise malformed("run", run)
    if "body" not in payload:
        raise malformed("body", None)
    return Envelope(
        str(name),
        number_of(payload, "inc", least=1),
        str(address),
        str(run),
        number_of(payload, "id", least=1),
        number_of(payload, "by"),
        payload["body"],
    )
