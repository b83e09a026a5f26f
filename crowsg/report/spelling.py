"""Numbers and texts as people read them."""

from collections.abc import Iterable

BARS = "▁▂▃▄▅▆▇█"


def duration(seconds: float) -> str:
    """Spell a duration with three digits that count."""
    if seconds >= 999.5:
        return f"{seconds:.0f} s"
    # From where on three digits round up to the unit itself: 999.6 us is 1 ms.
    for least, unit, name in ((0.9995, 1.0, "s"), (0.9995e-3, 1e-3, "ms"), (0.9995e-6, 1e-6, "us")):
        if seconds >= least:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds / 1e-9:.0f} ns" if seconds else "0 s"


def size(count: float) -> str:
    """Spell a number of bytes."""
    for least, unit, name in ((0.9995e9, 1e9, "GB"), (0.9995e6, 1e6, "MB"), (999.5, 1e3, "kB")):
        if count >= least:
            number = count / unit
            return f"{number:.3g} {name}" if number < 999.5 else f"{number:.0f} {name}"
    return f"{count:.0f} B"


def number(count: int) -> str:
    """Spell a number of things in eight characters at the most."""
    return str(count) if count < 10**8 else f"{count // 10**6} M"


def workers(count: int) -> str:
    """Spell how many other nodes carry the users; empty for a lone node."""
    return f"{count} worker{'s' if count > 1 else ''}" if count else ""


def stopwatch(seconds: float) -> str:
    """Spell the time since the start: minutes and seconds."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}"


def sparkline(values: Iterable[float | None]) -> str:
    """Draw values as bars between 0 and the largest, None as a gap."""
    known = list(values)
    top = max((value for value in known if value is not None), default=0.0)
    scale = (len(BARS) - 1e-6) / top if top else 0.0
    return "".join([" " if value is None else BARS[int(value * scale)] for value in known])


def shortened(sample: str, limit: int) -> str:
    """Shorten the sample of a failure: its beginning stays, and where it came from."""
    if len(sample) <= limit:
        return sample
    place = f"... ({sample.rpartition(' (')[2]}"
    if len(place) > limit // 2:
        place = "..."
    return sample[: max(0, limit - len(place))] + place
