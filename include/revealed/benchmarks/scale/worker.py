"""One measured task in a process of its own, so that its memory and its caches are its own.

The child is `python -m revealed.benchmarks.scale`. The task and its arguments go to it as JSON on stdin, the result comes
back as JSON in a file: stdout may be written to by what runs inside.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from revealed.errors import BuildFailedError
from revealed.settings import Settings


def run_task(settings: Settings, task: str, *, tell: bool = False, **arguments: Any) -> dict[str, Any]:
    """Run a task in a child process and return its result.

    Args:
        settings: whose home, memory limit, threads and holdout the child gets.
        task: the function's name in `revealed.benchmarks.scale.tasks`, or `module.function` in `revealed.benchmarks`.
        tell: let the child write its progress to our stderr.
        arguments: its arguments; anything that JSON can hold.

    Raises:
        BuildFailedError: the child failed; the message ends with what it wrote.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        done = subprocess.run(
            [sys.executable, "-m", "revealed.benchmarks.scale", str(result)],
            input=json.dumps({"task": task, "arguments": arguments}),
            env={**os.environ, **_environment(settings)},
            stdout=subprocess.PIPE,
            stderr=None if tell else subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode or not result.exists():
            raise BuildFailedError(
                f"the measured task {task} failed", where=((done.stderr or "") + done.stdout)[-2000:]
            )
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
