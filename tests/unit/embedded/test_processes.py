from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from revealed.embedded.processes import Process, is_process, start_process, start_time, stop_processes
from revealed.errors import PlatformError

# A leader whose child leaves the process group, as Airflow's tasks do, and ignores SIGTERM, as a busy one may.
FAMILY = """
import os, signal, sys, time
child = os.fork()
if child == 0:
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print(os.getpid(), flush=True)
    time.sleep(60)
time.sleep(60)
"""
QUIET = "import time; print('ready', flush=True); time.sleep(60)"


def _until(is_true: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not is_true() and time.monotonic() < deadline:
        time.sleep(0.02)
    return is_true()


def _start(tmp_path: Path, code: str, name: str = "one") -> Process:
    env = dict(os.environ) | {"REVEALED_HOME": str(tmp_path)}
    process = start_process(
        name, [sys.executable, "-c", code], env=env, log=tmp_path / "logs" / f"{name}.log"
    )
    assert _until(lambda: process.log_tail() != "")
    return process


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not Path(f"/proc/{pid}/stat").exists() or ") Z" not in Path(f"/proc/{pid}/stat").read_text()


def test_stopping_ends_the_process(tmp_path: Path) -> None:
    process = _start(tmp_path, QUIET)
    assert process.is_alive()
    stop_processes([process])
    assert not process.is_alive()


def test_stopping_reaches_a_child_that_left_the_group_and_ignores_the_signal(tmp_path: Path) -> None:
    process = _start(tmp_path, FAMILY)
    child = int(process.log_tail())
    stop_processes([process], grace=0.5)
    assert _until(lambda: not _exists(child))
    assert not process.is_alive()


def test_stopping_reaches_the_children_of_a_leader_that_is_dead_already(tmp_path: Path) -> None:
    process = _start(tmp_path, FAMILY)
    child = int(process.log_tail())
    os.kill(process.pid, signal.SIGKILL)
    os.waitpid(process.pid, 0)
    assert _exists(child)
    stop_processes([process], grace=0.2)
    assert _until(lambda: not _exists(child))


def test_a_process_that_merely_has_the_number_of_ours_is_left_alone(tmp_path: Path) -> None:
    stranger = subprocess.Popen(
        [sys.executable, "-c", QUIET], stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        ours = Process("gone", stranger.pid, start_time(stranger.pid) - 3600, tmp_path / "log")
        assert not ours.is_alive()
        stop_processes([ours], grace=0.1)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_stopping_twice_is_fine_and_leaves_no_zombie(tmp_path: Path) -> None:
    process = _start(tmp_path, QUIET)
    stop_processes([process])
    stop_processes([process])
    assert not is_process(process.pid, process.started)
    with pytest.raises(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_children_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    supervisor = (
        "import os, pathlib, sys, time\n"
        "from revealed.embedded.processes import start_process\n"
        f"home = pathlib.Path({str(tmp_path)!r})\n"
        "env = dict(os.environ) | {'REVEALED_HOME': str(home)}\n"
        f"made = start_process('c', [sys.executable, '-c', {QUIET!r}], env=env, log=home / 'c.log')\n"
        "print(made.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", supervisor], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert _until(lambda: (tmp_path / "c.log").exists() and (tmp_path / "c.log").stat().st_size > 0)
    parent.kill()
    parent.wait()
    assert _until(lambda: not _exists(child))


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match="did not start"):
        start_process(
            "x", [str(tmp_path / "none")], env={"REVEALED_HOME": str(tmp_path)}, log=tmp_path / "x.log"
        )


def test_what_was_written_about_a_process_can_be_read_again(tmp_path: Path) -> None:
    process = Process("scheduler", 12, 1.5, tmp_path / "a.log")
    assert Process.from_dict(process.to_dict()) == process
