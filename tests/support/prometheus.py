"""A real Prometheus, from Debian's package, in a folder and on a port of its own."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

PROGRAM = "prometheus"
PATIENCE_S = 30

CONFIG = """
global:
  scrape_interval: 1s
scrape_configs:
  - job_name: crowsg
    http_sd_configs:
      - url: http://{target}/sd/prometheus
        refresh_interval: 1s
"""


class Prometheus:
    """Answers queries about what it has scraped."""

    def __init__(self, address: str) -> None:
        self._address = address

    def query(self, expression: str) -> dict[tuple[str, ...], float]:
        """Return the values of an instant query by their label values, sorted by label."""
        url = f"http://{self._address}/api/v1/query?{urlencode({'query': expression})}"
        with urlopen(url, timeout=PATIENCE_S) as answer:
            result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return {
            tuple(
                value for label, value in sorted(each["metric"].items()) if label[0] != "_"
            ): float(each["value"][1])
            for each in result
        }

    def wait_for(self, expression: str, value: float) -> None:
        """Wait until a query of a single series gives this value."""
        until_s = time.monotonic() + PATIENCE_S
        while list(self.query(expression).values()) != [value]:
            assert time.monotonic() < until_s, f"{expression} is {self.query(expression)}"
            time.sleep(0.2)  # noqa: TID251 - real time on purpose


def free_port() -> int:
    """Return a port that nobody listens on right now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port


@contextmanager
def prometheus(folder: Path, target: str) -> Iterator[Prometheus]:
    """Run a Prometheus that finds its targets at ``target``."""
    config, address = folder / "prometheus.yml", f"127.0.0.1:{free_port()}"
    config.write_text(CONFIG.format(target=target))
    with (folder / "prometheus.log").open("w") as log:
        process = subprocess.Popen(
            [
                PROGRAM,
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={address}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        _wait_until_ready(address, process)
        yield Prometheus(address)
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _wait_until_ready(address: str, process: "subprocess.Popen[bytes]") -> None:
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s:
        assert process.poll() is None, "Prometheus ended at once; see its log"
        try:
            with urlopen(f"http://{address}/-/ready", timeout=1):
                return
        except OSError:
            time.sleep(0.1)  # noqa: TID251 - real time on purpose
    raise AssertionError("Prometheus did not become ready")
