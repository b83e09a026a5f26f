"""The users of a run on one node: started, counted, removed, every end accounted for."""

from collections import Counter
from collections.abc import Callable
from itertools import islice
from typing import Any

import gevent
from gevent.event import Event

from crowsg.clock import Clock
from crowsg.health.collector import CollectorPolicy
from crowsg.journal import NO_JOURNAL, Journal
from crowsg.metrics.recorder import Recorder
from crowsg.telemetry.bus import Bus
from crowsg.telemetry.span import SpanEvents
from crowsg.users.counts import Outcome, UserCounts
from crowsg.users.starter import Due, Starter
from crowsg.users.stopping import KILLS, Stopper
from crowsg.users.user import User, UserStop

Start = Callable[[int, Any], object]

_LARGE_RAMP = 1000
_LAST_BREATH_S = 0.1


def _nothing(user_id: int, state: Any) -> None:
    """Stand for ``start`` while there is no scenario."""


class Crowd:
    """Carries users.

    Attributes:
        journal: Takes the start and the end of each.

    Args:
        clock: Tells and waits.
        telemetry: Where the span of each user goes.
        recorder: Takes the exceptions of users, and how long they lived.
        admit: Blocks until one more user may start, and tells since when.
        spawn: Starts a function on a greenlet of this node.
        adopt: Makes a greenlet that was not started part of a user.
        collector: Told when crowds start and when they stand.
        grace: Seconds between asking and killing, at the moment of asking.
    """

    def __init__(
        self,
        clock: Clock,
        telemetry: Bus,
        recorder: Recorder,
        admit: Callable[[], Due],
        spawn: Callable[..., Any],
        adopt: Callable[[Any, User], object],
        collector: CollectorPolicy,
        grace: Callable[[], float],
    ) -> None:
        self._clock = clock
        self._span = SpanEvents(telemetry, ("crowsg", "scenario", "start"))
        self._recorder = recorder
        self._adopt = adopt
        self._collector = collector
        self._grace = grace
        self.journal: Journal = NO_JOURNAL
        self._starter = Starter(admit, self._begin, spawn, self._ramp_over)
        self.idle = Event()
        self.idle.set()
        # Set when users have survived their last kill.
        self.unkillable = Event()
        self._stopper = Stopper(clock, spawn, self._is_alive, self._note_stuck, self.unkillable.set)
        self._users: dict[int, User] = {}
        self._leaving: dict[int, User] = {}
        self._stuck: set[int] = set()
        self._ended: Counter[Outcome] = Counter()
        self._asked = 0
        self._is_set_aside = False
        self._scenario = ""
        self._start: Start = _nothing
        self._state: Any = None

    def open(self, scenario: str, start: Start = _nothing, state: Any = None) -> None:
        """Begin a run: every count at zero, users run ``start(user_id, state)``."""
        self._scenario, self._start, self._state = scenario, start, state
        self._ended.clear()
        self._asked = 0
        self._is_set_aside = False

    def close(self) -> None:
        """Clean up behind a run; nobody but users that could not be killed is left of it."""
        self._start, self._state = _nothing, None
        self._collector.settle()

    def add(self, first_id: int, last_id: int) -> None:
        """Queue users for their start."""
        self.idle.clear()
        self._asked += last_id + 1 - first_id
        self._starter.add(first_id, last_id)

    def arrive(self, user_id: int, due: float, most: int | None) -> bool:
        """Start a user at once, unless ``most`` are there already: it then never starts.

        Returns:
            Whether it started.
        """
        self._asked += 1
        if most is not None and len(self._users) + len(self._leaving) >= most:
            self._ended["cancelled"] += 1
            self._note_cancelled([range(user_id, user_id + 1)])
            return False
        self.idle.clear()
        self._begin(user_id, due)
        return True

    def remove(self, count: int, force: bool = False) -> int:
        """End up to ``count`` users: running ones, the oldest first, then waiting ones.

        Each user is chosen once, even when it goes on after it was asked.

        Returns:
            How many were chosen.
        """
        chosen = list(islice(self._users.values(), count))
        cancelled = self._cancel(count - len(chosen))
        self._end(chosen, force)
        return len(chosen) + cancelled

    def find(self, user_id: int) -> User | None:
        """Return the user of this id that has not ended yet, None where there is none."""
        return self._users.get(user_id) or self._leaving.get(user_id)

    def stop(self, user: User, force: bool = False) -> None:
        """Ask one user of this node to stop; nothing happens to one that has ended."""
        if self._is_alive(user):
            self._end([user], force)

    def stop_all(self, at_once: bool = False) -> None:
        """End everybody: nobody starts any more, whoever lives on after the grace is killed.

        Args:
            at_once: Leave no grace.
        """
        self._cancel(self._starter.waiting)
        # Those found unkillable get another chance; the verdict on them is spoken again.
        self.unkillable.clear()
        everybody = [*self._leaving.values(), *self._users.values()]
        self._end(everybody, force=True, grace_s=0.0 if at_once else None)

    def end_here(self) -> None:
        """Kill everybody before anybody else has a turn; called in the hub.

        Whoever survives that is left to ``stop_all``.
        """
        self._cancel(self._starter.waiting)
        for user in [*self._leaving.values(), *self._users.values()]:
            if self._users.pop(user.id, None) is not None:
                self._leaving[user.id] = user
            user.kill_here()

    def abandon(self) -> None:
        """Kill everybody for good, as the node ends; whoever survives that is left behind.

        Blocks: while somebody dies, a third of a second at the most.
        """
        self._cancel(self._starter.waiting)
        for _ in range(KILLS):
            for user in [*self._leaving.values(), *self._users.values()]:
                user.kill()
            if self.idle.wait(_LAST_BREATH_S):
                break

    @property
    def removable(self) -> int:
        """How many users ``remove`` could choose: those not asked to stop, and those waiting."""
        return len(self._users) + self._starter.waiting

    @property
    def stuck(self) -> list[int]:
        """The ids of users that survived a kill and have not ended since, the lowest first."""
        return sorted(self._stuck)

    def counts(self) -> UserCounts:
        """Return the users as they are now."""
        return UserCounts(
            asked=self._asked,
            waiting=self._starter.waiting,
            running=len(self._users) + len(self._leaving),
            stuck=len(self._stuck),
            **{str(outcome): number for outcome, number in self._ended.items()},
        )

    def _cancel(self, count: int) -> int:
        ranges = self._starter.cancel(count)
        cancelled = sum(map(len, ranges))
        self._ended["cancelled"] += cancelled
        self._note_cancelled(ranges)
        self._look_for_the_last()
        return cancelled

    def _note_cancelled(self, ranges: list[range]) -> None:
        self._recorder.lives.cancel(ranges)
        for ids in ranges:
            self.journal.note("cancelled", first=ids[0], last=ids[-1])

    def _end(self, users: list[User], force: bool, grace_s: float | None = None) -> None:
        for user in users:
            if self._users.pop(user.id, None) is not None:
                self._leaving[user.id] = user
        if not users:
            return
        end = self._stopper.force if force else self._stopper.ask
        end(users, self._grace() if grace_s is None else grace_s)

    def _begin(self, user_id: int, due: float) -> None:
        user = User(user_id, self._clock, due)
        self._users[user_id] = user
        self.journal.note("start", user=user_id)
        # A bound method would cost each user another object.
        greenlet = gevent.Greenlet(Crowd._live, self, user)
        self._adopt(greenlet, user)
        user.begin(greenlet)

    def _ramp_over(self) -> None:
        # Once a run: with every small ramp it would set the garbage between them aside too.
        if len(self._users) >= _LARGE_RAMP and not self._is_set_aside:
            self._is_set_aside = True
            self._collector.set_aside()

    def _live(self, user: User) -> None:
        """Be the user's greenlet. However its code ends, the user is accounted for once."""
        user.began_ns = self._clock.now_ns()
        error: BaseException | None = None
        try:
            if user.stopping:
                raise UserStop
            if self._span.wanted:
                self._start_in_span(user)
            else:
                self._start(user.id, self._state)
        except BaseException as caught:  # noqa: BLE001 - SystemExit too must not end the node
            error = caught
        user.end_children()
        outcome = _outcome(user, error)
        # First of all: nothing reaches the user any more, and what follows may block, as logging.
        self._count_out(user, outcome)
        if outcome == "failed" and error is not None:
            self._recorder.failures.record(error)
        # The traceback refers to this frame: broken here, the cycle needs no collector.
        del error

    def _start_in_span(self, user: User) -> None:
        metadata = {"scenario": self._scenario, "state": self._state, "user_id": user.id}
        with self._span.open(metadata) as span:
            span.metadata["return"] = self._start(user.id, self._state)

    def _count_out(self, user: User, outcome: Outcome) -> None:
        user.end()
        assert user.began_ns is not None
        self._recorder.lives.end(user.id, user.began_ns, self._clock.now_ns(), outcome)
        self._users.pop(user.id, None)
        self._leaving.pop(user.id, None)
        self._stuck.discard(user.id)
        self._ended[outcome] += 1
        self.journal.note("end", user=user.id, outcome=outcome)
        self._look_for_the_last()

    def _look_for_the_last(self) -> None:
        if not (self._users or self._leaving or self._starter.waiting):
            self.unkillable.clear()
            self.idle.set()

    def _is_alive(self, user: User) -> bool:
        # By identity: the next run gives the same ids to others.
        return self.find(user.id) is user

    def _note_stuck(self, users: list[User]) -> None:
        self._stuck.update(user.id for user in users)


def _outcome(user: User, error: BaseException | None) -> Outcome:
    if user.kills:
        return "killed"
    if user.stopping:
        return "removed"
    # By its type: __class__ of an exception may be anything.
    if error is not None and not issubclass(type(error), gevent.GreenletExit):
        return "failed"
    return "failed" if user.failing else "finished"
