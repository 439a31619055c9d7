"""Start, watch and stop the embedded processes, each in a session of its own.

Airflow's scheduler gives every task a process group of its own, so a signal to one group does not reach
them all; a session does hold them all, and stopping means: no process of that session is left. A process is
known by its id *and* its start time: ids are used again, and nothing that we did not start may ever be
signalled.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # ships no types

from revealed.errors import PlatformError

_TAIL_LINES = 20
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Process:
    """One embedded process: its name, its id (also that of its session), when it started, and its log."""

    name: str
    pid: int
    started: float
    log: Path

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"name": self.name, "pid": self.pid, "started": self.started, "log": str(self.log)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Process:
        """Return what `to_dict` described."""
        return cls(str(data["name"]), int(data["pid"]), float(data["started"]), Path(data["log"]))

    def is_alive(self) -> bool:
        """Return whether this very process runs: the same id, started at the same time, and not a zombie."""
        return is_process(self.pid, self.started)

    def log_tail(self, lines: int = _TAIL_LINES) -> str:
        """Return the last lines of its log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def start_time(pid: int) -> float:
    """Return when process `pid` started, in seconds since the epoch as the kernel counts it."""
    return float(psutil.Process(pid).create_time())


def is_process(pid: int, started: float) -> bool:
    """Return whether `pid` is the process that started at `started`, and still runs."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started) < 1.0
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def start_process(name: str, command: Sequence[str], *, env: Mapping[str, str], log: Path) -> Process:
    """Start `command` in a new session with its output appended to `log`.

    Raises:
        PlatformError: the program could not be started at all.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        with log.open("ab") as output:
            child = subprocess.Popen(
                command,
                env=dict(env),
                cwd=env["REVEALED_HOME"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )
    except OSError as error:
        raise PlatformError(f"{name} did not start: {error}", where=command[0]) from error
    return Process(name, child.pid, start_time(child.pid), log)


def _end_with_parent() -> None:
    """Ask Linux to end this child when the supervisor dies; elsewhere `revealed down` cleans up."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def stop_processes(processes: Sequence[Process], *, grace: float = 15.0) -> None:
    """Stop them and all in their sessions: SIGTERM, and after `grace` seconds SIGKILL to what is left."""
    sessions = {process.pid for process in processes if _owns_session(process)}
    for session in sessions:
        _signal_group(session, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while _members(sessions) and time.monotonic() < deadline:
        _reap(sessions)
        time.sleep(0.1)
    for pid in _members(sessions):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _reap(sessions)


def _owns_session(process: Process) -> bool:
    """Return whether the session is still ours: its leader is the process that we started, or gone.

    The kernel gives a number that names a session to nobody else while that session has members.
    """
    try:
        return abs(start_time(process.pid) - process.started) < 1.0
    except psutil.NoSuchProcess:
        return True


def _members(sessions: set[int]) -> list[int]:
    """Return the living processes of these sessions: tasks have left their group, but not their session."""
    return [pid for pid in psutil.pids() if _session_of(pid) in sessions and _is_running(pid)]


def _session_of(pid: int) -> int:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return 0


def _is_running(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, number)


def _reap(pids: set[int]) -> None:
    """Collect the exit states of our own children, so that none stays behind as a zombie."""
    for pid in pids:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
