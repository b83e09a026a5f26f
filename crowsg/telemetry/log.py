"""The events that report trouble on a node, written to the standard library's logging."""

import logging
from typing import Any

from crowsg.telemetry.bus import HANDLER_FAILURE, Bus, EventName, Measurements, Metadata
from crowsg.text import shown

HANDLER_ID = "crowsg-log"
LOGGED_EVENTS: tuple[EventName, ...] = (
    HANDLER_FAILURE,
    ("crowsg", "config", "get"),
    ("crowsg", "config", "verify"),
    ("crowsg", "config", "env"),
    ("crowsg", "config", "update"),
    ("crowsg", "throttle", "failure"),
)

MAX_VALUE = 500
"""Characters of one value in a line."""

_SKIPPED = frozenset({"log_level", "msg", "monotonic_time"})


def attach(bus: Bus, logger: logging.Logger) -> None:
    """Write every event of ``LOGGED_EVENTS`` to ``logger``, at the level the event asks for."""
    bus.attach_many(HANDLER_ID, LOGGED_EVENTS, _write, logger)


def _write(event: EventName, _: Measurements, metadata: Metadata, logger: Any) -> None:
    level = logging.getLevelNamesMapping().get(str(metadata.get("log_level", "")).upper())
    if level is None or not logger.isEnabledFor(level):
        return
    details = " ".join(
        f"{key}={shown(value, MAX_VALUE)}" for key, value in metadata.items() if key not in _SKIPPED
    )
    logger.log(level, "%s: %s %s", ".".join(event), metadata.get("msg", ""), details)
