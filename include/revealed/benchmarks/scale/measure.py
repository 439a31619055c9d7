"""What a piece of work cost this process: CPU seconds of all its threads, wall seconds, peak memory."""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_RESET_PEAK = "5"  # proc(5), clear_refs: set the peak resident set size to the current one


@dataclass
class Cost:
    """Filled when the `measured` block ends.

    Attributes:
        cpu_s: user and system time of the process, all threads together.
        wall_s: as the clock on the wall says.
        peak_mb: largest resident set in the block, megabytes (what the process held before it is part of it).
    """

    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_mb: float = 0.0


@contextlib.contextmanager
def measured() -> Iterator[Cost]:
    """Measure the block; the yielded cost is complete after it."""
    cost = Cost()
    reset_peak()
    cpu, wall = cpu_seconds(), time.perf_counter()
    yield cost
    cost.cpu_s, cost.wall_s, cost.peak_mb = cpu_seconds() - cpu, time.perf_counter() - wall, peak_megabytes()


def cpu_seconds() -> float:
    """Return the user and system time that this process has used."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def reset_peak() -> None:
    """Forget the peak so far, where the kernel allows it; else a peak is of the process's whole life."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text(_RESET_PEAK)


def peak_megabytes() -> float:
    """Return the largest resident set since the last reset."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def machine_megabytes() -> int:
    """Return how much memory the machine has."""
    return (os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")) >> 20
