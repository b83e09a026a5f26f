"""The text of one scrape: rendered once for all who ask within a second."""

from collections.abc import Callable, Iterable

from gevent.lock import BoundedSemaphore

from crowsg.clock import Breather, Clock, to_ns

FRESH_S = 1.0


class Page:
    """Renders the series of a node, one render at a time.

    Args:
        clock: Tells and waits.
        pieces: Yields the text, in pieces that are each of one moment.
        is_final: Whether nothing changes any more: then every answer is made anew.
    """

    def __init__(
        self, clock: Clock, pieces: Callable[[], Iterable[str]], is_final: Callable[[], bool]
    ) -> None:
        self._clock = clock
        self._pieces = pieces
        self._is_final = is_final
        self._turn = BoundedSemaphore(1)
        self._text = b""
        self._stale_ns = 0
        # Renders are numbered: how many were begun, and which one the text is of.
        self._begun = 0
        self._rendered = 0

    def text(self) -> bytes:
        """Return the text.

        Blocks: while it is rendered, by this call or one before; others run in between.
        """
        begun_before = self._begun
        with self._turn:
            # One that began while this call waited is as new as a render of its own would be.
            if self._rendered <= begun_before and not self._is_fresh():
                self._begun += 1
                stale_ns = self._clock.now_ns() + to_ns(FRESH_S)
                # Only what was rendered to its end counts: otherwise the next one tries again.
                self._text = self._render()
                self._stale_ns, self._rendered = stale_ns, self._begun
            return self._text

    def _is_fresh(self) -> bool:
        return not self._is_final() and self._clock.now_ns() < self._stale_ns

    def _render(self) -> bytes:
        breather = Breather(self._clock)
        rendered = []
        for piece in self._pieces():
            rendered.append(piece.encode("utf-8", "replace"))
            breather.breathe()
        return b"".join(rendered)
