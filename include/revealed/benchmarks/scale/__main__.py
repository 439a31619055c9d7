"""The child's end of `revealed.benchmarks.scale.worker`."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from revealed.settings import Settings

if __name__ == "__main__":
    request = json.load(sys.stdin)
    module, _, name = request["task"].rpartition(".")
    tasks = importlib.import_module(f"revealed.benchmarks.{module or 'scale.tasks'}")
    task: Callable[..., dict[str, Any]] = getattr(tasks, name)
    found = task(Settings.from_env(), **request["arguments"])
    Path(sys.argv[1]).write_text(json.dumps(found))
