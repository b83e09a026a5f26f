"""Crows land on a wire, caw a few times, and fly off; one in a hundred is shot."""

from crowsg import Variable, config, metrics, users

required_variables = [
    Variable("caws", "how often each crow caws", default=3, verify=range(1, 100)),
    Variable("pause", "seconds from one caw to the next", default=0.5, update=True),
]


def init():
    """Run once on each node, before its first user; the result is the state of all users."""
    return config.get("caws")


def start(user_id, caws):
    """Run once for each user, on a greenlet of its own."""
    for _ in range(caws):
        users.pace(config.get("pause"))
        metrics.count("caws")
    if user_id % 100 == 0:
        raise RuntimeError(f"crow {user_id} was shot")
