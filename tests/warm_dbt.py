"""dbt that has its start behind it: one process imports it and parses the project, and every dbt of a test is its fork.

A child spends four seconds on imports, on code that its classes make of themselves, and on the parse, before the first
model. What runs is dbt itself, in a process of its own, with the arguments, folder and environment that it would have been
started with.
"""

from __future__ import annotations

import array
import atexit
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

FD_BYTES = array.array("i").itemsize


class ForkedDbt:
    """What `subprocess.Popen` is to a program: a context with the child's words, and its exit code afterwards."""

    def __init__(self, server: Path, command: list[str], folder: Path, env: dict[str, str]) -> None:
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(str(server))
        ours, theirs = os.pipe()
        asked = json.dumps({"command": command, "folder": str(folder), "env": env}).encode() + b"\n"
        socket.send_fds(self._connection, [asked[:1]], [theirs])
        self._connection.sendall(asked[1:])
        os.close(theirs)
        self.stdout: IO[str] = os.fdopen(ours, encoding="utf-8")
        self.returncode = -9

    def __enter__(self) -> ForkedDbt:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stdout.close()
        told = self._connection.recv(16)
        self.returncode = int(told) if told else -9
        self._connection.close()


@contextmanager
def warm_dbt(folder: Path, project: Path, env: dict[str, str]) -> Iterator[tuple[Path, Path]]:
    """Start the process that has parsed the project, yield its address and the parse, and stop it."""
    address, target = folder / "dbt.sock", folder / "target"
    command = [sys.executable, __file__, str(address), str(project), str(target)]
    server = subprocess.Popen(command, env=env, stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        yield address, target / "partial_parse.msgpack"
    finally:
        server.terminate()
        server.wait()


def serve(address: str, project: str, target: str) -> None:
    """Parse the project, then fork once for each connection; dbt runs in the fork."""
    import signal

    import dbt.adapters.duckdb
    import dbt.adapters.duckdb.impl
    import dbt.cli.main
    import dbt.task.build
    import dbt.task.retry  # noqa: F401

    sys.argv = ["dbt", "--quiet", "parse", "--project-dir", project, "--profiles-dir", project]
    sys.argv += ["--target-path", target, "--log-path", target]
    assert _exit_code() == 0
    signal.signal(signal.SIGCHLD, lambda *_: _reap())  # a fork tells its exit code itself
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # so that what the parse holds is given back
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen(8)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        connection, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            _run(connection)
        connection.close()


def _reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _run(connection: socket.socket) -> None:
    first, fds, _, _ = socket.recv_fds(connection, 1, 1)
    with connection.makefile("rb") as rest:
        asked: dict[str, Any] = json.loads(first + rest.readline())
    os.dup2(fds[0], 1)
    os.dup2(fds[0], 2)
    os.close(fds[0])
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["env"])
    sys.argv = asked["command"]
    code = _exit_code()
    atexit._run_exitfuncs()  # as at any program's end: semaphores are given back
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(str(code).encode())
    os._exit(code)


def _exit_code() -> int:
    from dbt.cli.main import cli

    try:
        cli()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    serve(*sys.argv[1:])
