"""The child's end of `revealed.benchmarks.scale.worker`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from revealed.benchmarks.scale import tasks
from revealed.settings import Settings

if __name__ == "__main__":
    request = json.load(sys.stdin)
    task: Callable[..., dict[str, Any]] = getattr(tasks, request["task"])
    found = task(Settings.from_env(), **request["arguments"])
    Path(sys.argv[1]).write_text(json.dumps(found))
