"""Where a test may kill the process, to prove that a kill loses and doubles nothing."""

from __future__ import annotations

import os

FAULT_POINTS = ("after_claim", "before_rename", "before_ledger", "after_ledger")
_KILLED = 137


def fault_point(name: str) -> None:
    """Die here, as if killed, if the environment's `REVEALED_FAULT` names this point; else do nothing."""
    if os.environ.get("REVEALED_FAULT") == name:
        os._exit(_KILLED)
