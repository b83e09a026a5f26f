"""Another process that scrapes: ``URL COUNT PERIOD`` prints how long each scrape took."""

import json
import sys
from time import monotonic, sleep  # noqa: TID251 - a plain process, no node
from urllib.request import urlopen


def scrape(url: str, count: int, period_s: float) -> dict[str, float]:
    """Scrape again and again; the last answer is looked at."""
    took_s, text = [], b""
    for _ in range(count):
        from_s = monotonic()
        with urlopen(url) as answer:
            text = answer.read()
        took_s.append(monotonic() - from_s)
        sleep(max(0.0, period_s - took_s[-1]))
    lines = [line for line in text.decode().splitlines() if not line.startswith("#")]
    series = {line.rpartition(" ")[0].partition("le=")[0] for line in lines if "_bucket" in line}
    others = [line for line in lines if not line.partition("{")[0].endswith(("_sum", "_count"))]
    single = sum("_bucket" not in line for line in others)
    return {"took_s": max(took_s), "lines": len(lines), "series": len(series) + single}


if __name__ == "__main__":
    print(json.dumps(scrape(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))), flush=True)
