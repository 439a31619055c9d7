"""One measured task in a process of its own, so that its memory and its caches are its own.

The task and its arguments come as JSON on stdin, the result goes as JSON to the file named on the command line: stdout
may be written to by what runs inside.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from revealed.errors import BuildFailedError
from revealed.settings import Settings


def run_task(settings: Settings, task: str, **arguments: Any) -> dict[str, Any]:
    """Run a task of `revealed.benchmarks.tasks` in a child process and return its result.

    Args:
        settings: whose home, memory limit, threads and holdout the child gets.
        task: the function's name.
        arguments: its arguments; anything that JSON can hold.

    Raises:
        BuildFailedError: the child failed; the message ends with what it wrote.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        done = subprocess.run(
            [sys.executable, "-m", "revealed.benchmarks.worker", str(result)],
            input=json.dumps({"task": task, "arguments": arguments}),
            env={**os.environ, **_environment(settings)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode or not result.exists():
            raise BuildFailedError(f"the measured task {task} failed", where=done.stdout[-2000:])
        found: dict[str, Any] = json.loads(result.read_bytes())
        return found


def _environment(settings: Settings) -> dict[str, str]:
    return {
        "REVEALED_HOME": str(settings.home),
        "REVEALED_PROJECT": str(settings.project_root),
        "REVEALED_DUCKDB_MEMORY_LIMIT": settings.duckdb_memory_limit,
        "REVEALED_DUCKDB_THREADS": str(settings.duckdb_threads),
        "REVEALED_HOLDOUT_DAYS": str(settings.holdout_days),
    }


def _main() -> None:
    from revealed.benchmarks import tasks

    request = json.load(sys.stdin)
    task: Callable[..., dict[str, Any]] = getattr(tasks, request["task"])
    found = task(Settings.from_env(), **request["arguments"])
    Path(sys.argv[1]).write_text(json.dumps(found))


if __name__ == "__main__":
    _main()
