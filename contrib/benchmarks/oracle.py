"""A server outside crowsg that logs every hit, a byte, and answers it with another.

It prints its port as soon as it listens. At the end of its standard input it waits for all
connections to end, and prints how many hits it has seen and when the last connection ended.
"""

import asyncio
import json
import sys
from array import array
from time import monotonic

PATIENCE_S = 10.0


class Log:
    """What was seen.

    Attributes:
        hits_s: When each hit came.
        ends_s: When each connection ended.
        begun: How many connections there were.
    """

    def __init__(self) -> None:
        self.hits_s = array("d")
        self.ends_s = array("d")
        self.begun = 0

    async def settle(self) -> None:
        """Wait until all connections have ended."""
        while len(self.ends_s) < self.begun:
            await asyncio.sleep(0.01)

    def as_dict(self) -> dict[str, float]:
        """Return it in numbers."""
        last_s = (max(each, default=0.0) for each in (self.hits_s, self.ends_s))
        hit_s, end_s = last_s
        return {
            "hits": len(self.hits_s),
            "connections": self.begun,
            "last_hit_s": hit_s,
            "last_end_s": end_s,
        }


class Connection(asyncio.Protocol):
    """One user, as the server sees it."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note that it begins."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._log.begun += 1

    def data_received(self, data: bytes) -> None:
        """Note a hit for each byte, and answer."""
        self._log.hits_s.extend([monotonic()] * len(data))
        self._transport.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        """Note that it ended, however it did."""
        self._log.ends_s.append(monotonic())


async def serve() -> Log:
    """Serve until the standard input ends."""
    loop, log, ended = asyncio.get_running_loop(), Log(), asyncio.Event()
    server = await loop.create_server(lambda: Connection(log), "127.0.0.1", 0, backlog=1024)
    loop.add_reader(sys.stdin.fileno(), ended.set)
    print(server.sockets[0].getsockname()[1], flush=True)
    await ended.wait()
    loop.remove_reader(sys.stdin.fileno())
    await asyncio.wait_for(log.settle(), PATIENCE_S)
    return log


if __name__ == "__main__":
    print(json.dumps(asyncio.run(serve()).as_dict()), flush=True)
