"""The audit of a recommendation snapshot: its Parquet files, read in place through views."""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb

from revealed.engines.duckdb import connect, literal
from revealed.errors import AuditFailedError, RevealedError
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
) -> AuditResult:
    """Return the verdict on the snapshot in `folder`, and add it to the Data Docs.

    Failed expectations are in the result, not raised: call `.require_pass()`.

    Args:
        settings: where the Data Docs are, and DuckDB's limits.
        folder: holds `recommendations`, `similar_items`, `fallbacks` and `items` as `.parquet`.
        users_expected: how many users must have a list.
        k: the least number of items in a user's list.
        sources: what a place of a user's list can come from.
        similar_sources: what a likeness of items can be known by.

    Raises:
        AuditFailedError: the audit could not be carried out; a crash or a missing file is never a pass.
    """
    from revealed.quality.snapshot_suites import snapshot_suites

    with tempfile.TemporaryDirectory(prefix="revealed-audit-") as scratch:
        database = (
            Path(scratch) / "audit.duckdb"
        )  # not the schema's name: DuckDB would not know which is meant
        segments = _create_views(settings, folder, database)
        suites = snapshot_suites(
            users_expected=users_expected,
            k=k,
            segments=segments,
            sources=sources,
            similar_sources=similar_sources,
        )
        outcomes = validate(settings, database, suites)
    return conclude(
        settings, outcomes, subject="snapshot", title=f"Recommendation snapshot for {users_expected:,} users"
    )


def _create_views(settings: Settings, folder: Path, database: Path) -> tuple[str, ...]:
    """Make a database of views on the Parquet files; return the columns that name a fallback list."""
    try:
        con = connect(settings, database)
        try:
            con.execute("create schema snapshot")
            for name in _FILES:
                source = literal(folder.resolve() / f"{name}.parquet")
                con.execute(f"create view snapshot.{name} as select * from read_parquet({source})")
            columns = [row[0] for row in con.execute("describe snapshot.fallbacks").fetchall()]
        finally:
            con.close()
    except (duckdb.Error, RevealedError) as error:
        raise AuditFailedError(
            f"the snapshot cannot be read: {error}", where=str(folder), remedy="publish it again"
        ) from error
    return tuple(name for name in _SEGMENTS if name in columns)
