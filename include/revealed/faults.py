"""Where a test may kill the process, to prove that a kill loses and doubles nothing."""

from __future__ import annotations

import os

LANDING_POINTS = ("after_claim", "before_rename", "before_ledger", "after_ledger")
WAREHOUSE_BUILD_POINTS = ("candidate_copied", "candidate_planned", "candidate_stripped", "candidate_finished")
WAREHOUSE_PUBLISH_POINTS = ("warehouse_described", "warehouse_renamed", "warehouse_swapped")
DATASET_POINTS = ("dataset_staged", "dataset_renamed")
SNAPSHOT_POINTS = ("snapshot_filled", "snapshot_staged", "snapshot_renamed", "snapshot_pointed")
ERASURE_POINTS = (
    "erasure_planned",
    "erasure_buried",
    "erasure_source_replaced",
    "erasure_raw_staged",
    "erasure_raw_committed",
    "erasure_raw_done",
    "erasure_warehouse_published",
    "erasure_warehouse_done",
    "erasure_dataset_written",
    "erasure_datasets_done",
    "erasure_snapshot_published",
    "erasure_queries_done",
    "erasure_swept",
    "erasure_receipt_written",
)
_KILLED = 137


def fault_point(name: str) -> None:
    """Die here, as if killed, if the environment's `REVEALED_FAULT` names this point; else do nothing."""
    if os.environ.get("REVEALED_FAULT") == name:
        os._exit(_KILLED)
