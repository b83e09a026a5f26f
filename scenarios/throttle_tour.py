"""Each way to use a throttle, in a run of some ten seconds: `crowsg run throttle_tour --users 20`.

Users greet at a rate that all of them share and that is raised on the way, and three at a time use
a printer. The first user posts letters at a pace and pauses it; the second takes calls that arrive
on schedule, whatever the calls before are doing.
"""

from crowsg import Ramp, Variable, config, metrics, throttle, users

required_variables = [
    Variable("greetings", "greetings at first, as a rate", default="5/s"),
    Variable("calls", "calls, as a rate", default="20/s", update="change_calls"),
]

CALL_S = 0.1  # what a call takes


def change_calls(name: str, value: object) -> None:
    """Take over a rate that is changed while running."""
    throttle.change_rate("calls", value)


def init() -> None:
    """Start the throttles; on every node, as the same declaration again changes nothing."""
    throttle.start("greetings", Ramp(config.get("greetings"), "20/s", duration=5))
    throttle.start("printer", "3 parallel")
    throttle.start("letters", "10/s")
    throttle.start("calls", config.get("calls"))


def start(user_id: int) -> None:
    """Be one user."""
    if user_id == 1:
        post_letters()
    elif user_id == 2:
        take_calls()
    else:
        greet_and_print()


def greet_and_print() -> None:
    """Wait for a permit, and hold a slot: at most three users print at any moment."""
    for _ in range(5):
        permit = throttle.wait("greetings")
        with metrics.time("greeting", since=permit):
            users.sleep(0.01)
    with throttle.wait("printer"), metrics.time("print"):
        users.sleep(0.2)


def post_letters() -> None:
    """Have things done at a pace: a function called, a message sent."""
    for number in range(10):
        throttle.run("letters", metrics.count, "letters")
        throttle.send("letters", ["receipt", number])
    users.receive(timeout=5)
    throttle.pause("letters")
    users.sleep(1)
    throttle.resume("letters")
    for _ in range(9):
        users.receive(timeout=5)


def take_calls() -> None:
    """Drive an open model for five seconds: four calls at once at most, the rest is dropped."""
    users.spawn(hang_up)
    throttle.arrivals("calls", lambda permit: users.sleep(CALL_S), max_in_flight=4)


def hang_up() -> None:
    """End the calls."""
    users.sleep(5)
    users.stop()
