"""The audit of a recommendation snapshot: its Parquet files, read in place through views."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from revealed.engines.duckdb import connect, literal
from revealed.errors import AuditFailedError, RevealedError
from revealed.quality.erased import erased_here
from revealed.quality.gate import conclude
from revealed.quality.result import AuditResult
from revealed.quality.validation import validate
from revealed.settings import Settings

_FILES = ("recommendations", "similar_items", "fallbacks", "items")
_SEGMENTS = ("surface", "segment")


def audit_snapshot(
    settings: Settings,
    folder: Path,
    *,
    users_expected: int,
    k: int,
    sources: tuple[str, ...],
    similar_sources: tuple[str, ...],
    interactions: str | None = None,
    bounds: dict[str, float] | None = None,
    erased: Callable[[str], bool] | None = None,
) -> AuditResult:
    """Return the verdict on the snapshot in `folder`, and add it to the Data Docs.

    Failed expectations are in the result, not raised: call `.require_pass()`.

    Args:
        settings: where the Data Docs are, and DuckDB's limits.
        folder: holds `recommendations`, `similar_items`, `fallbacks` and `items` as `.parquet`, and `diff.json` where there
            was a snapshot before.
        users_expected: how many users must have a list.
        k: the least number of items in a user's list.
        sources: what a place of a user's list can come from.
        similar_sources: what a likeness of items can be known by.
        interactions: the dataset's file that says what people consumed and hid; left out, nobody has.
        bounds: `min_coverage`, `min_overlap`, `max_users_lost`: those that are asked.
        erased: whether an id is of somebody (something) who was erased; left out, the home's own list.

    Raises:
        AuditFailedError: the audit could not be carried out; a crash or a missing file is never a pass.
    """
    from revealed.quality.snapshot_suites import snapshot_suites

    with tempfile.TemporaryDirectory(prefix="revealed-audit-") as scratch:
        # Not the schema's name: DuckDB would not know which is meant.
        database = Path(scratch) / "audit.duckdb"
        is_erased = erased or erased_here(settings)
        segments = _create_views(settings, folder, database, interactions, bounds or {}, is_erased)
        expected: dict[str, Any] = {"users_expected": users_expected, "k": k, "segments": segments}
        suites = snapshot_suites(**expected, sources=sources, similar_sources=similar_sources)
        outcomes = validate(settings, database, suites)
    return conclude(
        settings, outcomes, subject="snapshot", title=f"Recommendation snapshot for {users_expected:,} users"
    )


def _create_views(
    settings: Settings,
    folder: Path,
    database: Path,
    interactions: str | None,
    bounds: dict[str, float],
    erased: Callable[[str], bool],
) -> tuple[str, ...]:
    """Make a database of views on the Parquet files; return the columns that name a fallback list."""
    try:
        con = connect(settings, database)
        try:
            con.execute("create schema snapshot")
            for name in _FILES:
                source = literal(folder.resolve() / f"{name}.parquet")
                con.execute(f"create view snapshot.{name} as select * from read_parquet({source})")
            columns = [row[0] for row in con.execute("describe snapshot.fallbacks").fetchall()]
            _create_refused(con, interactions, erased)
            _create_bounds(con, folder, bounds)
        finally:
            con.close()
    except (duckdb.Error, RevealedError) as error:
        raise AuditFailedError(
            f"the snapshot cannot be read: {error}", where=str(folder), remedy="publish it again"
        ) from error
    return tuple(name for name in _SEGMENTS if name in columns)


def _create_refused(
    con: duckdb.DuckDBPyConnection, interactions: str | None, erased: Callable[[str], bool]
) -> None:
    """Make `refused` (pairs that people have consumed or hidden) and `erased` (ids in the snapshot that must not be)."""
    pairs = (
        f"select user_id, item_id, coalesce(is_hidden, false) as is_hidden from read_parquet({literal(interactions)})"
        " where is_consumed or is_hidden"
        if interactions
        else "select ''::varchar as user_id, ''::varchar as item_id, false as is_hidden where false"
    )
    con.execute(f"create view snapshot.refused as {pairs}")
    con.execute("create table snapshot.erased (id varchar)")
    ids = con.execute(
        "select distinct user_id from snapshot.recommendations union select distinct item_id from snapshot.items"
    ).fetchall()
    gone = [(str(value),) for (value,) in ids if value is not None and erased(str(value))]
    if gone:
        con.executemany("insert into snapshot.erased values (?)", gone)


def _create_bounds(con: duckdb.DuckDBPyConnection, folder: Path, bounds: dict[str, float]) -> None:
    """Make `bounds` (name, bound, value): what is asked, with what was found; null where it cannot be known."""
    path = folder / "diff.json"
    changes: dict[str, Any] = json.loads(path.read_bytes()) if path.is_file() else {}
    users = changes.get("users", {})
    before = users.get("removed", 0) + users.get("changed", 0) + users.get("same", 0)
    coverage = con.execute(
        """
        select (select count(distinct item_id) from snapshot.recommendations)
            / least(greatest((select count(*) from snapshot.items where is_available), 1), greatest(count(*), 1))
        from snapshot.recommendations
        """
    ).fetchone()
    found = {
        "min_coverage": coverage[0] if coverage else None,
        "min_overlap": changes.get("overlap", {}).get("mean"),
        "max_users_lost": users.get("removed", 0) / before if before else None,
    }
    con.execute("create table snapshot.bounds (name varchar, bound double, value double)")
    for name, bound in bounds.items():
        con.execute("insert into snapshot.bounds values (?, ?, ?)", [name, bound, found[name]])
