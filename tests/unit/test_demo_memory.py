from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "demo_memory.py"
MIB = 2**20
# A daemon as programs make them: a session of its own, its parent gone. It fills `size` bytes and works 0.5 s of CPU time;
# a twin that it forks shares every page.
DAEMON = f"""
import os, sys, time
size = {200 * MIB}
reader, writer = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        held = bytearray(size)
        held[::4096] = b"x" * len(held[::4096])
        os.fork()
        while time.process_time() < 0.5:
            pass
        time.sleep(1.0)
        os._exit(0)
    os._exit(0)
os.wait()
os.close(writer)
os.read(reader, 1)
sys.exit(3)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="PSS is Linux's")
def test_a_daemon_counts_and_what_it_shares_counts_once() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), sys.executable, "-c", DAEMON],
        capture_output=True,
        text=True,
        check=False,
    )
    cost = json.loads(done.stdout)
    assert (done.returncode, cost["exit_code"]) == (3, 3)
    assert 200 <= cost["peak_pss_mib"] < 300, "twice the pages would be 400 MiB, none of them under 50"
    assert cost["cpu_s"] >= 0.5
    assert cost["peak_processes"] >= 2
