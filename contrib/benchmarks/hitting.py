"""A scenario: users hit a server again and again, a byte each time, and wait for its answer."""

import socket

from crowsg import Variable, config, metrics, users

required_variables = [
    Variable("oracle", "port of the server"),
    Variable("pause", "s", default=0.02),
]

NAME = "hit"
PATIENCE_S = 10.0


def init() -> tuple[int, float]:
    """Read the settings."""
    return config.get("oracle"), config.get("pause")


def start(user_id: int, settings: tuple[int, float]) -> None:
    """Be one user: whatever is sent has been sent when the operation ends, however that is."""
    port, pause_s = settings
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
        while True:
            with metrics.time(NAME):
                connection.sendall(b".")
                if not connection.recv(1):
                    raise ConnectionError("the server has gone")
            users.sleep(pause_s)
