"""Processes of crowsg in a world that is not right: lines of Python that run in them before theirs.

Python imports ``sitecustomize`` first of all. A worker that such a process starts is tampered with
likewise.
"""

from pathlib import Path
from textwrap import indent


def tampered(folder: Path, code: str) -> dict[str, str]:
    """Return the environment of a process in which ``code`` runs before anything else.

    Args:
        folder: Where the code is kept; of its own for each code.
        code: Lines of Python.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": str(folder)}


def after_import(name: str, code: str) -> str:
    """Return lines that run ``code`` when a module was imported, which they know as ``module``."""
    return f"""
import importlib.util, sys
class _Finder:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name != {name!r}:
            return None
        sys.meta_path.remove(cls)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module
        def exec_module(module):
            execute(module)
{indent(code, " " * 12)}
        spec.loader.exec_module = exec_module
        return spec
sys.meta_path.insert(0, _Finder)
"""


CLOCK_STEPS = """
import time
_true, _began = time.time, time.monotonic()
# An hour ahead and an hour behind, in turns of a second and a half.
time.time = lambda: _true() + (3600, -3600)[int((time.monotonic() - _began) / 1.5) % 2]
"""

NEXT_VERSION = after_import("crowsg.cluster.identity", "module.PROTOCOL += 1")
"""The node speaks the next version of the protocol."""

COUNTING_GREENLETS = """
import gc, os, signal
def _tell(*_):
    gc.collect()
    kinds = [type(each) for each in gc.get_objects()]
    count = sum(any(base.__name__ == "greenlet" for base in kind.__mro__) for kind in kinds)
    os.write(2, f"greenlets: {count}\\n".encode())
signal.signal(signal.SIGUSR2, _tell)
"""
"""The process tells how many greenlets it has, when it gets SIGUSR2."""


def recording(file: Path) -> str:
    """Return lines by which a process writes each message to ``file``, its length before it."""
    return after_import(
        "crowsg.cluster.zerorpc_link.events",
        f"""
pack = module.PackedEvent.pack
def keep(event):
    packed = pack(event)
    with open({str(file)!r}, "ab") as file:
        file.write(len(packed).to_bytes(4) + packed)
    return packed
module.PackedEvent.pack = keep
""",
    )


KILLING_LOOPS = after_import(
    "crowsg.supervision",
    """
import signal
keep, supervisors = module.Supervisor.keep, []
def remember(self, name, run):
    supervisors[:] = [self]
    return keep(self, name, run)
def kill_all(*_):
    for history in supervisors[0]._histories.values():
        history.kept._greenlet.kill(block=False)
module.Supervisor.keep = remember
signal.signal(signal.SIGUSR2, kill_all)
""",
)
"""The process kills each of its supervised loops, when it gets SIGUSR2."""

LARGE_BYTES = 40_000
LARGE_FAULTS = after_import(
    "crowsg.cluster.serving",
    f"""
module.fault = lambda kind, text: {{"fault": "x" * {LARGE_BYTES}}}
""",
)
"""Whoever calls what there is not is told so in 40 kB."""

FEW_FILES = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
"""

HANGING_NAMES = """
import _socket, time
_true, _wait = _socket.getaddrinfo, time.sleep
def getaddrinfo(host, *args, **kwargs):
    if host in ("hanging.drill", b"hanging.drill"):
        _wait(30)
    return _true(host, *args, **kwargs)
_socket.getaddrinfo = getaddrinfo
"""
"""The look-up of ``hanging.drill`` takes half a minute."""
