"""A view of a run that a terminal shows in place, a frame a second."""

from crowsg.background import write_all
from crowsg.clock import Clock
from crowsg.record.sample import Sample
from crowsg.report.dashboard import Dashboard
from crowsg.report.outlet import Outlet
from crowsg.report.screen import Screen, can_show, size_of
from crowsg.report.spelling import BARS
from crowsg.summary import Summary

PATIENCE_S = 1.0
# The blank line above the frame, and one that is left for what is printed.
_SPARE_LINES = 2


class LiveView:
    """Shows the dashboard of a run on a terminal, and above it what is printed.

    A slow connection, or a terminal stopped with Ctrl-S, slows no user: it shows fewer frames.

    Attributes:
        outlet: Takes what is printed.

    Args:
        title: What stands in the first line.
        descriptor: The terminal.
        encoding: Its encoding.
        has_colours: Whether it is to be coloured.
        clock: Tells when it is time to write.
    """

    def __init__(
        self,
        title: str,
        descriptor: int = 2,
        encoding: str = "utf-8",
        *,
        has_colours: bool = True,
        clock: Clock | None = None,
    ) -> None:
        self._dashboard = Dashboard(title, has_trends=can_show(BARS, encoding))
        self._descriptor = descriptor
        self._has_colours = has_colours
        self._screen = Screen(encoding)
        self.outlet = Outlet(self._draw, clock)

    def see(self, sample: Sample) -> None:
        """Show a frame."""
        self._dashboard.see(sample)
        width, height = size_of(self._descriptor)
        lines = self._dashboard.lines(width - 1, height - _SPARE_LINES)
        self._screen.show([line.painted(has_colours=self._has_colours) for line in lines])
        self.outlet.wake()

    def end(self, _: Summary | None) -> None:
        """Clear the view.

        Blocks: until that is written, a second at the most.
        """
        self._screen.show(())
        self.outlet.close(PATIENCE_S)

    def last_words(self) -> bytes:
        """Return what clears the view and shows what was printed last, for an end at once."""
        self._screen.show(())
        return self._screen.drawn(self.outlet.take())

    def _draw(self, text: str) -> None:
        write_all(self._descriptor, self._screen.drawn(text))
