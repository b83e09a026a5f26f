"""Each command has one effect, however often it arrives."""

from collections import OrderedDict
from collections.abc import Callable

from gevent.event import Event

from crowsg.clock import Clock
from crowsg.cluster.envelope import Envelope
from crowsg.cluster.link import Payload

MAX_SENDERS = 100
MAX_COMMANDS = 1000
"""Commands that are remembered of each sender."""

Sender = tuple[str, int]


class _Command:
    """One command, and its answer once there is one."""

    __slots__ = ("answer", "deadline_ns", "done")

    def __init__(self, deadline_ns: int, cut_off: Payload) -> None:
        self.answer = cut_off
        self.deadline_ns = deadline_ns
        self.done = Event()


class Once:
    """Remembers the answers to commands, and gives them again to those that are repeated.

    Args:
        clock: Tells the time: what is past its deadline is refused before it gets here, so its
            answer need not be kept.
        cut_off: The answer to the repeated command whose first handler was killed half-way.
    """

    def __init__(self, clock: Clock, cut_off: Payload) -> None:
        self._clock = clock
        self._cut_off = cut_off
        self._senders: OrderedDict[Sender, OrderedDict[int, _Command]] = OrderedDict()

    def answer(self, message: Envelope, act: Callable[[], Payload]) -> Payload:
        """Return ``act()``, or what it returned when this command came before.

        Blocks: as long as ``act`` does, on whichever greenlet it runs.
        """
        commands = self._commands_of((message.name, message.incarnation))
        known = commands.get(message.command)
        if known is not None:
            known.done.wait()
            return known.answer
        command = commands[message.command] = _Command(message.deadline_ns, self._cut_off)
        self._forget(commands)
        try:
            command.answer = act()
        finally:
            command.done.set()
        return command.answer

    def _commands_of(self, sender: Sender) -> "OrderedDict[int, _Command]":
        commands = self._senders.setdefault(sender, OrderedDict())
        self._senders.move_to_end(sender)
        if len(self._senders) > MAX_SENDERS:
            self._senders.popitem(last=False)
        return commands

    def _forget(self, commands: "OrderedDict[int, _Command]") -> None:
        now_ns = self._clock.now_ns()
        # The newest stays: it is about to be carried out.
        while len(commands) > 1:
            oldest = next(iter(commands.values()))
            if len(commands) <= MAX_COMMANDS and not 0 < oldest.deadline_ns <= now_ns:
                return
            commands.popitem(last=False)
