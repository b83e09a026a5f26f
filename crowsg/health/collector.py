"""When the garbage collector may run.

A full collection over 100 000 parked greenlets stops every user for half a second, and it is the
main source of jitter. Nearly all of that memory lives as long as the run, so the young generation
grows larger before it is looked at, and what stands after a ramp is set aside. Switching collection
off while crowds start or die gained nothing measurable beyond that, so it is left on.
"""

import gc

THRESHOLDS = (100_000, 50, 1000)


class CollectorPolicy:
    """Tames Python's garbage collector between ``start`` and ``stop``."""

    def __init__(self) -> None:
        self._before: tuple[int, int, int] | None = None
        self._set_aside = False

    def start(self) -> None:
        """Raise the thresholds."""
        if self._before is None:
            self._before = gc.get_threshold()
            gc.set_threshold(*THRESHOLDS)

    def stop(self) -> None:
        """Put everything back as it was; what was set aside is collected again."""
        if self._before is not None:
            # Where another node had raised them before, it is that node which puts them back.
            if self._before != THRESHOLDS:
                gc.set_threshold(*self._before)
            self._before = None
            self.settle()

    def set_aside(self) -> None:
        """Leave everything that lives now out of later collections: a ramp is over."""
        gc.freeze()
        self._set_aside = True

    def settle(self) -> None:
        """Collect what was set aside: nobody is running whom it could stop."""
        if self._set_aside:
            self._set_aside = False
            gc.unfreeze()
            gc.collect()
