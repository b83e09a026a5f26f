"""The link over zerorpc, made safe; the only place that imports zerorpc and ZeroMQ.

``hardening`` and ``events`` make zerorpc fit for strangers, ``sockets`` makes and closes the
sockets, ``curve`` their keys and who may connect, ``refusals`` tells a client why it may not.
``server`` reads what comes, ``callers`` makes calls by ``connection``, ``notices`` sends notices.
"""

from crowsg.cluster.zerorpc_link.curve import Curve
from crowsg.cluster.zerorpc_link.link import ZerorpcLink

__all__ = ["Curve", "ZerorpcLink"]
