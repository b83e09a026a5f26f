"""A link that serves, for tests of links."""

from typing import Any

import gevent
from gevent.event import Event

from crowsg.cluster.link import MAX_MESSAGE_BYTES, Link, Origin


def refuse(origin: Origin, payload: Any) -> None:
    raise ValueError("not that")


def leave(origin: Origin, payload: Any) -> None:
    raise SystemExit(3)


def die(origin: Origin, payload: Any) -> None:
    raise gevent.GreenletExit


def interrupt(origin: Origin, payload: Any) -> None:
    raise KeyboardInterrupt


class Node:
    """A link that serves, and what became of its handlers."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.begun: list[Any] = []
        self.ended: list[Any] = []
        self.noticed: list[Any] = []
        self.release = Event()
        calls = {
            "echo": lambda origin, payload: payload,
            "make": self.make,
            "wait": self.wait,
            "refuse": refuse,
            "leave": leave,
            "die": die,
            "interrupt": interrupt,
        }
        topics = {
            "beat": lambda origin, payload: self.noticed.append(payload),
            "refuse": refuse,
            "leave": leave,
        }
        link.open(calls, topics)

    @property
    def address(self) -> str:
        return self.link.address

    def make(self, origin: Origin, kind: str) -> Any:
        made: dict[str, Any] = {
            "set": {1},
            "keys": {1: 2},
            "nan": float("nan"),
            "large": bytes(MAX_MESSAGE_BYTES),
        }
        return made[kind]

    def wait(self, origin: Origin, payload: Any) -> Any:
        self.begun.append(payload)
        self.release.wait()
        self.ended.append(payload)
        return payload
