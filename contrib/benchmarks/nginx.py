"""A real nginx with a configuration of its own, as the server under test.

It is one process without a master: what freezes it freezes all of it, and it is killed with its
parent, however that ends. It counts its requests itself (``stub_status``); those that ask for the
count are left out. A request counts from its first byte on, answered or not.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep  # noqa: TID251 - of the server, no node
from urllib.request import urlopen

BODY = "hello, world\n"
LARGE_BYTES = 10_000
SLOW_S = 0.2
"""What ``/slow`` takes; nginx waits after each half of it."""

SOCKETS = 20_000
PATIENCE_S = 10

_CONFIG = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_rlimit_nofile {sockets};
events {{ worker_connections {sockets}; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    default_type text/plain;
    server_tokens off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        # Who connects while nginx is frozen must find room, or would try again a second later.
        listen 127.0.0.1:{port} backlog=4096;
        {tls}
        root {folder}/pages;
        open_file_cache max=10;
        location = / {{ return 200 "{body}"; }}
        location = /large {{ }}
        location = /slow {{ limit_rate {slow_rate}; sendfile_max_chunk {half}; }}
        location = /status {{ stub_status; }}
    }}
}}
"""
_TLS = """
        listen 127.0.0.1:{port} ssl backlog=4096;
        ssl_certificate {folder}/certificate.pem;
        ssl_certificate_key {folder}/key.pem;
"""


class Nginx:
    """A server that runs.

    Args:
        process: It.
        port, tls_port: Where it listens; ``tls_port`` is 0 without TLS.
        folder: Where its files are.
    """

    def __init__(
        self, process: "subprocess.Popen[bytes]", port: int, tls_port: int, folder: Path
    ) -> None:
        self._process = process
        self._own = 0
        self.url = f"http://127.0.0.1:{port}"
        self.tls_url = f"https://127.0.0.1:{tls_port}"
        self.certificate = folder / "certificate.pem"

    def page(self, kind: str) -> tuple[str, str]:
        """Return the server's address and a path for ``small``, ``large`` or ``tls``."""
        return self.tls_url if kind == "tls" else self.url, "/large" if kind == "large" else "/"

    def requests(self) -> int:
        """Return how many requests came, those of this method left out."""
        with urlopen(f"{self.url}/status", timeout=PATIENCE_S) as answer:
            counts = answer.read().decode().splitlines()[2]
        self._own += 1
        return int(counts.split()[2]) - self._own

    def freeze(self) -> float:
        """Let it stand still; returns the moment from which it does, on the monotonic clock."""
        self._process.send_signal(signal.SIGSTOP)
        while self._state() != "T":
            sleep(0)
        return monotonic()

    def resume(self) -> float:
        """Let it go on; returns the moment."""
        self._process.send_signal(signal.SIGCONT)
        return monotonic()

    def wait_until_it_answers(self) -> None:
        """Return as soon as it does; raises RuntimeError when it does not start."""
        until_s = monotonic() + PATIENCE_S
        while monotonic() < until_s and self._process.poll() is None:
            try:
                self.requests()
            except OSError:
                sleep(0.02)
            else:
                return
        raise RuntimeError("nginx does not start")

    def _state(self) -> str:
        stat = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii")
        return stat.rpartition(")")[2].split()[0]


@contextmanager
def nginx(*, tls: bool = False, core: int | None = None) -> Iterator[Nginx]:
    """Run one while the block runs.

    Args:
        tls: Whether it listens on a port with TLS too, with a certificate signed by itself.
        core: The processor it is kept on; None: any.
    """
    with tempfile.TemporaryDirectory(prefix="nginx-") as name:
        folder = Path(name)
        port, tls_port = free_port(), free_port() if tls else 0
        _write_files(folder, port, tls_port)
        command = ["setpriv", "--pdeathsig", "KILL", located("nginx") or "nginx"]
        files = ["-e", f"{folder}/error.log", "-p", name, "-c", f"{folder}/nginx.conf"]
        process = subprocess.Popen([*command, *files])
        try:
            if core is not None:
                os.sched_setaffinity(process.pid, {core})
            server = Nginx(process, port, tls_port, folder)
            server.wait_until_it_answers()
            yield server
        finally:
            # Frozen or not.
            process.kill()
            process.wait(PATIENCE_S)


def located(program: str) -> str | None:
    """Return where a program is, None where it is not; servers are not on everybody's path."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def cores() -> tuple[int, int]:
    """Return the processors for the server and for the generator, the same where there is one."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


def free_port() -> int:
    """Return a port that nobody listens on right now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port


def _write_files(folder: Path, port: int, tls_port: int) -> None:
    pages = folder / "pages"
    pages.mkdir()
    for page in ("large", "slow"):
        (pages / page).write_bytes(b"x" * LARGE_BYTES)
    config = _CONFIG.format(
        folder=folder,
        port=port,
        sockets=SOCKETS,
        body=BODY.replace("\n", "\\n"),
        half=LARGE_BYTES // 2,
        slow_rate=int(LARGE_BYTES / SLOW_S),
        tls=_TLS.format(folder=folder, port=tls_port) if tls_port else "",
    )
    (folder / "nginx.conf").write_text(config, encoding="ascii")
    if tls_port:
        _sign(folder)


def _sign(folder: Path) -> None:
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", folder / "key.pem", "-out", folder / "certificate.pem"),
        ],
        check=True,
        stderr=subprocess.DEVNULL,
    )
