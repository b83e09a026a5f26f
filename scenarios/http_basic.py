"""Users that get a page, each at its own pace: `crowsg run http_basic --users 100`.

A closed model: a user asks again when it has its answer, so a slow server gets less to do. For an
open one, in which users come whatever the server does: `crowsg run http_basic --arrivals 50/s`, or
`http_open_model`.
"""

from crowsg import Variable, config, users
from crowsg.protocols import http

required_variables = [
    Variable("url", "server under test", default="http://127.0.0.1:8080"),
    Variable("path", "the page", default="/"),
    Variable("visits", "how often each user gets it", default=60),
    Variable("pace", "seconds from one visit of a user to its next", default=1.0, update=True),
]


def init() -> None:
    """Nothing needs to be ready before the users are."""


def start(user_id: int) -> None:
    """Be one user, with a connection of its own that is kept from visit to visit."""
    session = http.Session(config.get("url"))
    for _ in range(config.get("visits")):
        users.pace(config.get("pace"))
        session.get(config.get("path"), operation="page")
