"""A node whose loop is blocked while a peer floods it and hangs up: it goes on afterwards."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

# In a process of its own, as what is shown here is that it lives.
BLOCKED = """
from gevent import monkey
monkey.patch_all()
import gevent, msgpack, zmq
from crowsg.cluster.zerorpc_link import ZerorpcLink

sleep = monkey.get_original("time", "sleep")
taken = []
link = ZerorpcLink("127.0.0.1", 0)
link.open({}, {"beat": lambda origin, payload: taken.append(payload)})
context = zmq.Context()
peer = context.socket(zmq.DEALER)
peer.setsockopt(zmq.SNDHWM, 0)
peer.connect(f"tcp://{link.address}")
notice = msgpack.packb(({"message_id": b"x", "one_way": True}, "beat", ("news" * 50,)))
for _ in range(200_000):
    peer.send_multipart([b"", notice])
sleep(0.3)
context.destroy(linger=0)
sleep(4.5)
gevent.sleep(0.3)
link.close()
print(len(taken) > 0)
"""


@pytest.mark.wall_clock
def test_a_peer_that_floods_a_blocked_node_and_hangs_up_does_not_end_it() -> None:
    """R17, R8: libzmq's own heartbeats would abort the process."""
    ended = subprocess.run(
        [sys.executable, "-c", BLOCKED], cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert (ended.returncode, ended.stdout) == (0, "True\n"), ended.stderr
