"""What a command costs as a whole: wall time, CPU seconds, and the peak memory of every process it starts.

`python benchmarks/demo_memory.py [COMMAND ...]`; the default is `revealed demo`. Linux only.

Memory is the sum of PSS (proportional set size, `smaps_rollup` in proc(5)): a page that n processes share counts 1/n in
each of them, so that the sum is what the machine really needs. Adding up RSS would count the libraries that Airflow's
forked workers share once for each of them.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # ships no types

_PR_SET_CHILD_SUBREAPER = 36
_POLL_SECONDS = 0.25
_MIB = 2**20


@dataclass(frozen=True)
class Cost:
    """What a command took. `peak_at_s` is when, after its start, most memory was in use."""

    command: list[str]
    exit_code: int
    wall_s: float
    cpu_s: float
    peak_pss_mib: float
    peak_at_s: float
    peak_processes: int
    samples: int


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends: none leaves the tree, whatever session it is in."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER) was refused")


def pss_bytes(pid: int) -> int:
    """Return the proportional set size of a process, 0 when it has just ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def measure(command: list[str]) -> Cost:
    """Run `command` with our own streams and return what it, and all that it started, took."""
    adopt_orphans()
    began, peak, samples = time.monotonic(), (0, 0.0, 0), 0
    child = subprocess.Popen(command)
    try:
        while child.poll() is None:
            sizes = [pss_bytes(found.pid) for found in psutil.Process().children(recursive=True)]
            peak = max(peak, (sum(sizes), time.monotonic() - began, len(sizes)))
            samples += 1
            time.sleep(_POLL_SECONDS)
    finally:
        child.wait()
    wall = time.monotonic() - began
    _reap()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    size, moment, count = peak
    return Cost(
        command=command,
        exit_code=child.returncode,
        wall_s=round(wall, 1),
        cpu_s=round(used.ru_utime + used.ru_stime, 1),
        peak_pss_mib=round(size / _MIB),
        peak_at_s=round(moment, 1),
        peak_processes=count,
        samples=samples,
    )


def _reap() -> None:
    """Collect adopted children that have ended, so that their CPU time counts; what still runs is left alone."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


if __name__ == "__main__":
    words = sys.argv[1:] or [str(Path(sys.executable).with_name("revealed")), "demo"]
    cost = measure(words)
    print(json.dumps(asdict(cost), indent=2))
    sys.exit(cost.exit_code)
