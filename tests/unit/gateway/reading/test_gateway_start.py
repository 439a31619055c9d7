"""The gateway reads what others compute: it starts without what they compute with."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("duckdb", "great_expectations", "implicit", "matplotlib", "mlflow", "pandas", "scipy", "sklearn")


def test_starting_loads_nothing_that_computes() -> None:
    code = f"import sys, revealed.gateway.app; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
