"""The command starts without the libraries that only some commands work with."""

from __future__ import annotations

import subprocess
import sys

HEAVY = (
    "duckdb",
    "great_expectations",
    "matplotlib",
    "mlflow",
    "msgspec",
    "numpy",
    "pandas",
    "pyarrow",
    "scipy",
)


def test_starting_loads_nothing_heavy() -> None:
    code = f"import sys, revealed.cli; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
