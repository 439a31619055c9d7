"""Where a dataset's rows came from: moment and policy, source files, parameters, and its time split."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from revealed.engines.duckdb import literal
from revealed.errors import BuildFailedError, NoDataError
from revealed.feedback.export import FOLD_TEST, FOLD_TRAIN, INTERACTIONS
from revealed.feedback.manifest import MANIFEST, FileEntry
from revealed.feedback.negatives import NegativeSampling
from revealed.feedback.preferences import HISTORY_ITEMS
from revealed.settings import Settings


def identity(con: duckdb.DuckDBPyConnection, folder: Path, warehouse: Path) -> tuple[datetime, str]:
    """Return the moment and the policy version of the exported interactions.

    Raises:
        NoDataError: there are none.
        BuildFailedError: they were built as of several moments or policies.
    """
    path = literal(folder / INTERACTIONS)
    rows = con.execute(f"select distinct as_of, policy_version from read_parquet({path})").fetchall()
    if not rows:
        raise NoDataError(
            "the warehouse holds no feedback, so there is nothing to train on",
            where=f"marts.feedback_user_item in {warehouse}",
            remedy="land events of known people on known items, then run again",
        )
    if len(rows) > 1:
        raise BuildFailedError(
            f"the feedback was built as of {len(rows)} different moments or policies",
            where=f"marts.feedback_user_item in {warehouse}",
            remedy="rebuild the warehouse from raw",
        )
    return rows[0][0], str(rows[0][1])


def split_of(con: duckdb.DuckDBPyConnection, folder: Path, as_of: datetime, settings: Settings) -> datetime:
    """Return the end of what the training fold knows: as the fold itself says, else by the setting."""
    path = literal(folder / FOLD_TRAIN)
    row = con.execute(f"select max(as_of) from read_parquet({path})").fetchone()
    return row[0] if row and row[0] else as_of - timedelta(days=settings.holdout_days)


def parameters_of(settings: Settings, sampling: NegativeSampling, holdout_days: int) -> dict[str, Any]:
    """Return every setting that decides which rows a dataset holds and what they weigh, the dbt project's included."""
    return {
        "holdout_days": holdout_days,
        "negatives": sampling.to_dict(),
        "prompt_history_items": HISTORY_ITEMS,
        "models": _model_variables(settings),
    }


def maturity_of(con: duckdb.DuckDBPyConnection) -> int:
    """Return for how many hours after its first event a like may still be decided; 0 where the policy does not say.

    That is the window of the events whose strength is engaged time: a click counts as a like, or as a bounce, once the
    visit it began is known.
    """
    try:
        row = con.execute(
            "select max(maturity_window_hours) from policy.signal_policy"
            " where strength_rule = 'engaged_time' and is_consuming"
        ).fetchone()
    except (duckdb.CatalogException, duckdb.BinderException):
        return 0
    return int(row[0]) if row and row[0] else 0


def folds_of(
    as_of: datetime, split: datetime, files: dict[str, FileEntry], maturity_hours: int = 0
) -> dict[str, Any]:
    """Return the time split in words that can be checked: who knows what until when, and the gap between.

    `first_event_until` is the youngest that a test pair may be to count in a comparison (evaluation-maturity.md).
    """
    return {
        "gap_days": 0,
        "train": {"file": FOLD_TRAIN, "received_before": split.isoformat(), "rows": files[FOLD_TRAIN].rows},
        "test": {
            "file": FOLD_TEST,
            "occurred_from": split.isoformat(),
            "maturity_hours": maturity_hours,
            "first_event_until": (as_of - timedelta(hours=maturity_hours)).isoformat(),
            "received_before": as_of.isoformat(),
            "rows": files[FOLD_TEST].rows,
        },
    }


def inputs_of(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Return the SHA-256 of every landed file that the warehouse was built from; empty where it does not say."""
    try:
        rows = con.execute("select sha256 from ops.ledger order by sha256").fetchall()
    except duckdb.CatalogException:
        return {}
    hashes = [str(row[0]) for row in rows]
    digest = hashlib.sha256("\n".join(hashes).encode()).hexdigest()
    return {"files": len(hashes), "digest": digest, "sha256": hashes}


def warehouse_manifest(warehouse: Path) -> dict[str, Any]:
    """Return what was said when the warehouse was published; empty for a file that never was."""
    path = warehouse.resolve().parent / MANIFEST
    try:
        value = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _model_variables(settings: Settings) -> dict[str, Any]:
    path = settings.dbt_project / "dbt_project.yml"
    if not path.is_file():
        return {}
    found = msgspec.yaml.decode(path.read_bytes()).get("vars")
    return dict(found) if isinstance(found, dict) else {}
