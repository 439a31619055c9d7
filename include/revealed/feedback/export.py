"""The marts that a feedback dataset holds, and how each becomes a Parquet file whose bytes depend on its rows alone."""

from __future__ import annotations

from pathlib import Path

import duckdb

from revealed.durable import sha256_file
from revealed.engines.duckdb import literal
from revealed.errors import BuildFailedError
from revealed.feedback.manifest import FileEntry

# How far back a like counts as recent when surfaces are ranked; long enough for a weekly rhythm to show
# twice.
RECENT_DAYS = 14

QUERIES = {
    "interactions.parquet": "select * from marts.feedback_user_item order by user_id, item_id",
    "fold_train.parquet": "select * from marts.feedback_fold_train order by user_id, item_id",
    "fold_test.parquet": "select * from marts.feedback_fold_test order by user_id, item_id",
    "items.parquet": "select * from marts.dim_items order by item_id",
    "surface_items.parquet": f"""
        select surface, item_id, count(distinct actor_id) as users
        from marts.fct_impressions
        where is_clicked and not is_clickbait and not is_bot
          and occurred_at >= (select max(as_of) from marts.feedback_user_item) - interval {RECENT_DAYS} day
        group by surface, item_id
        order by surface, item_id""",
}


def export_tables(con: duckdb.DuckDBPyConnection, folder: Path) -> dict[str, FileEntry]:
    """Write every file of the dataset into `folder` and return what was written, by file name.

    Raises:
        BuildFailedError: a mart is missing or lacks a column.
    """
    con.execute("set preserve_insertion_order = true")
    return {name: _export(con, query, folder / name) for name, query in QUERIES.items()}


def _export(con: duckdb.DuckDBPyConnection, query: str, path: Path) -> FileEntry:
    try:
        copied = con.execute(f"copy ({query}) to {literal(path)} (format parquet, compression zstd)")
        row = copied.fetchone()
    except duckdb.CatalogException as error:
        raise BuildFailedError(
            f"the warehouse lacks what {path.name} is made from",
            where=path.name,
            remedy=str(error).splitlines()[0],
        ) from error
    return FileEntry(sha256=sha256_file(path), rows=int(row[0]) if row else 0)
