"""What two nodes say to one another when they meet: who they are, what time it is, whom they know.

The side that calls says most of it in its envelope; the answer has none, and says it all.
"""

from typing import Any

from crowsg.cluster.envelope import is_address, is_incarnation, is_short_line, malformed, number_of
from crowsg.cluster.exchange import Sender
from crowsg.cluster.identity import PROTOCOL, Identity, is_name
from crowsg.cluster.link import Payload
from crowsg.cluster.membership import Hello, Role


def call_of(role: Role, now_ns: int, gossip: list[Payload]) -> Payload:
    """Return what the side that calls sends."""
    return {"role": role, "now": now_ns, "members": gossip}


def answer_of(own: Identity, now_ns: int, gossip: list[Payload]) -> Payload:
    """Return what the side that is called answers."""
    return {
        "v": PROTOCOL,
        "cluster": own.cluster,
        "name": own.name,
        "inc": own.incarnation,
        "at": own.address,
        "now": now_ns,
        "members": gossip,
    }


def hello_of_call(sender: Sender, own: Identity, body: Any) -> Hello:
    """Return the hello of the side that calls; its envelope was accepted already.

    Raises:
        Refused: ``malformed``.
    """
    role = _role_of(body)
    if role == "node" and not sender.address:
        raise malformed("at", sender.address)
    identity = Identity(sender.name, sender.incarnation, own.cluster, sender.address)
    return Hello(identity, PROTOCOL, role, number_of(body, "now"))


def hello_of_answer(body: Any) -> Hello:
    """Return the hello of the side that was called.

    Raises:
        Refused: ``malformed``.
    """
    match body:
        case {"v": int(version), "cluster": cluster, "name": name, "inc": life, "at": address}:
            is_sound = is_name(name) and is_incarnation(life) and is_address(address)
            if is_sound and is_short_line(cluster):
                identity = Identity(name, life, cluster, address)
                return Hello(identity, version, "node", number_of(body, "now"))
    raise malformed("a hello", body)


def _role_of(body: Any) -> Role:
    match body:
        case {"role": "node"}:
            return "node"
        case {"role": "client"}:
            return "client"
    raise malformed("a hello", body)
