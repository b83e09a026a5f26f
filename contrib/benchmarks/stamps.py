"""What processes note that may be killed at any moment: each note is in a file as it is made.

A process has a file for each kind of note, ``PID.KIND``, of moments in nanoseconds of the monotonic
clock, which is one for all processes of a machine.
"""

import os
from array import array
from pathlib import Path
from struct import Struct
from time import monotonic, monotonic_ns, sleep  # noqa: TID251 - of a watcher, no node

KINDS = ("init", "start", "hit", "terminate")

_MOMENT = Struct("=q")
_LOOK_S = 0.02


class Stamps:
    """The notes of this process.

    Args:
        folder: Where its files go.
    """

    def __init__(self, folder: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._files = {
            kind: os.open(folder / f"{os.getpid()}.{kind}", flags, 0o600) for kind in KINDS
        }

    def note(self, kind: str) -> None:
        """Note that something happens now."""
        os.write(self._files[kind], _MOMENT.pack(monotonic_ns()))


class Noted:
    """What some processes have noted so far.

    Args:
        folder: Where their files are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def by_process(self, kind: str) -> dict[int, list[float]]:
        """Return when each process noted that, in seconds, ascending."""
        return {int(path.stem): _read(path) for path in sorted(self._folder.glob(f"*.{kind}"))}

    def merged(self, kind: str) -> list[float]:
        """Return when any of them noted that, in seconds, ascending."""
        return sorted(moment for moments in self.by_process(kind).values() for moment in moments)

    def count(self, kind: str) -> int:
        """Return how often that was noted."""
        files = self._folder.glob(f"*.{kind}")
        return sum(path.stat().st_size for path in files) // _MOMENT.size

    def until(self, kind: str, count: int, seconds: float) -> None:
        """Wait until that was noted so often.

        Raises:
            TimeoutError: It was not in time.
        """
        end_s = monotonic() + seconds
        while self.count(kind) < count:
            if monotonic() > end_s:
                raise TimeoutError(f"{self.count(kind)} of {count} x {kind} in {seconds:g} s")
            sleep(_LOOK_S)


def _read(path: Path) -> list[float]:
    moments = array("q")
    moments.frombytes(path.read_bytes())
    return [moment / 1e9 for moment in moments]
