"""The feedback build at scale: `python benchmarks/feedback.py [tiny|quick|full]`."""

from __future__ import annotations

import json
import sys

from revealed.benchmarks.scale import SIZES, bench_feedback
from revealed.progress import to_stderr

if __name__ == "__main__":
    size = SIZES[sys.argv[1] if len(sys.argv) > 1 else "quick"]
    print(json.dumps(bench_feedback(size, progress=to_stderr), indent=2))
