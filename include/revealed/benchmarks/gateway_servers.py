"""The servers that are measured, each a process of its own on a free port, and what they cost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

from revealed.errors import PlatformError

_STOP_SECONDS = 15


@dataclass(frozen=True)
class Server:
    """A running server: its port, and its process id."""

    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """Return the CPU seconds that it has cost so far, user and system, all threads (proc(5), fields 14 and 15)."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def snapshot_in_service(self) -> str | None:
        """Return which snapshot a gateway says that it serves."""
        with urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=10) as answer:
            found: str | None = json.load(answer)["snapshot_id"]
            return found


@contextmanager
def gateway_server(home: Path, environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run `revealed gateway` in `home` while the body runs; it ends in an orderly way, its segments sealed.

    Raises:
        PlatformError: it does not start.
    """
    words = ["-m", "revealed.cli", "gateway", "--port", "0", "--json"]
    with _server(words, {"REVEALED_HOME": str(home), **(environment or {})}) as server:
        yield server


@contextmanager
def echo_server() -> Iterator[Server]:
    """Run the bare ASGI echo while the body runs.

    Raises:
        PlatformError: it does not start.
    """
    with _server(["-m", "revealed.benchmarks.bare_echo"], {}) as server:
        yield server


@contextmanager
def _server(words: list[str], environment: Mapping[str, str]) -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    try:
        yield Server(_port(process, words), process.pid)
    finally:
        process.terminate()
        process.wait(_STOP_SECONDS)
        if process.stdout:
            process.stdout.close()


def _port(process: subprocess.Popen[str], words: list[str]) -> int:
    """Return the port that the server prints as JSON when it is ready, on one line or several."""
    told = ""
    for line in process.stdout or ():
        told += line
        try:
            return urlsplit(json.loads(told)["url"]).port or 0
        except ValueError:
            continue
    raise PlatformError("a server did not start", where=" ".join(words), remedy="see what it wrote above")
