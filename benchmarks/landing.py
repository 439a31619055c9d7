"""Lines a second through landing: `python benchmarks/landing.py [LINES]`."""

from __future__ import annotations

import json
import sys

from revealed.landing.benchmark import bench_landing
from revealed.progress import to_stderr

if __name__ == "__main__":
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    print(json.dumps(bench_landing(lines, progress=to_stderr), indent=2))
