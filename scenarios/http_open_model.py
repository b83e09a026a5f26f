"""Visits that come on schedule, whatever the server does: `crowsg run http_open_model`.

An open model: a server that stands still for a second keeps all waiting who come in that second,
and the response times, taken from the schedule, tell of each of them. One user drives all visits,
until `--duration` is over. Those who find `max_in_flight` others under way are dropped and counted.
"""

from crowsg import Variable, config, throttle
from crowsg.protocols import http
from crowsg.throttle import Permit

required_variables = [
    Variable("url", "server under test", default="http://127.0.0.1:8080"),
    Variable("path", "the page", default="/"),
    Variable("rate", "visits, as a rate", default="100/s", update="change_visits"),
    Variable("max_in_flight", "visits at once, and so connections", default=1000),
]


def change_visits(name: str, value: object) -> None:
    """Take over a rate that is changed while running."""
    throttle.change_rate("visits", value)


def init() -> None:
    """Start the schedule."""
    throttle.start("visits", config.get("rate"))


def start(user_id: int) -> None:
    """Send the visitors, each on a connection that nobody else is using."""
    session = http.Session(config.get("url"))

    def visit(permit: Permit) -> None:
        session.get(config.get("path"), operation="page", since=permit)

    throttle.arrivals("visits", visit, max_in_flight=config.get("max_in_flight"))
