"""The files of a feedback dataset, and how each is made so that its bytes depend on its rows alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from revealed.durable import remove_tree, sha256_file
from revealed.engines.duckdb import literal
from revealed.errors import BuildFailedError
from revealed.feedback.manifest import FileEntry
from revealed.feedback.negatives import NegativeSampling, draw_negatives
from revealed.feedback.preferences import preferences_query

# How far back a like counts as recent when surfaces are ranked; long enough for a weekly rhythm to show
# twice.
RECENT_DAYS = 14

INTERACTIONS, FOLD_TRAIN, FOLD_TEST = "interactions.parquet", "fold_train.parquet", "fold_test.parquet"
ITEMS, SURFACE_ITEMS = "items.parquet", "surface_items.parquet"
FOLD_IMPRESSIONS = "fold_impressions.parquet"
PAIRS, NEGATIVES = "pairs.parquet", "negatives.parquet"

# The columns that name a row of each file.
KEYS: dict[str, tuple[str, ...]] = {
    INTERACTIONS: ("user_id", "item_id"),
    FOLD_TRAIN: ("user_id", "item_id"),
    FOLD_TEST: ("user_id", "item_id"),
    FOLD_IMPRESSIONS: ("request_id", "item_id"),
    ITEMS: ("item_id",),
    SURFACE_ITEMS: ("surface", "item_id"),
    PAIRS: ("pair_id",),
    NEGATIVES: ("user_id", "item_id"),
}

# What people were shown in the days that the training fold does not know: no model that was fitted on the fold has seen it.
_FOLD_IMPRESSIONS = """
    select
        request_id, item_id, actor_id as user_id, surface, position, propensity, model_version, policy, occurred_at,
        is_clicked, is_satisfied, is_hidden
    from marts.fct_impressions
    where occurred_at >= (select max(as_of) from fold_train) and is_click_mature and not is_bot
    order by request_id, item_id"""

_MARTS = {
    INTERACTIONS: "select * from marts.feedback_user_item order by user_id, item_id",
    FOLD_TRAIN: "select * from marts.feedback_fold_train order by user_id, item_id",
    FOLD_TEST: "select * from marts.feedback_fold_test order by user_id, item_id",
    ITEMS: "select * from marts.dim_items order by item_id",
    SURFACE_ITEMS: f"""
        select surface, item_id, count(distinct actor_id) as users
        from marts.fct_impressions
        where is_clicked and not is_clickbait and not is_bot
          and occurred_at >= (select max(as_of) from interactions) - interval {RECENT_DAYS} day
        group by surface, item_id
        order by surface, item_id""",
}

# What a person has met, in whatever way: nothing of it can be an unseen item.
_SEEN = """(
    select user_id, item_id from interactions
    union all select actor_id, item_id from intermediate.int_impressions_resolved
    union all select actor_id, item_id from marts.fct_events where item_id is not null)"""


def export_tables(
    con: duckdb.DuckDBPyConnection, folder: Path, sampling: NegativeSampling
) -> dict[str, FileEntry]:
    """Write every file of the dataset into `folder` and return what was written, by file name.

    Each mart is read once (they are views), sorted, and streamed into its file; what does not fit into memory
    is spilled beside the files.

    Raises:
        BuildFailedError: a mart is missing or lacks a column.
    """
    with _spilling_into(con, folder):
        files = {INTERACTIONS: _export(con, _MARTS[INTERACTIONS], folder / INTERACTIONS)}
        _view(con, "interactions", folder / INTERACTIONS)
        for name, query in _MARTS.items():
            if name not in files:
                files[name] = _export(con, query, folder / name)
        _view(con, "fold_train", folder / FOLD_TRAIN)
        files[FOLD_IMPRESSIONS] = _export(con, _FOLD_IMPRESSIONS, folder / FOLD_IMPRESSIONS)
        files[PAIRS] = _export_pairs(con, folder / PAIRS)
        files[NEGATIVES] = _export_negatives(con, sampling, folder / NEGATIVES)
    return files


def _view(con: duckdb.DuckDBPyConnection, name: str, path: Path) -> None:
    con.execute(f"create temp view {name} as select * from read_parquet({literal(path)})")


def _export_negatives(con: duckdb.DuckDBPyConnection, sampling: NegativeSampling, path: Path) -> FileEntry:
    with _missing_marts_named(path):
        query = draw_negatives(
            con, sampling, interactions="interactions", items="marts.dim_items", seen=_SEEN
        )
    return _export(con, query, path)


def _export_pairs(con: duckdb.DuckDBPyConnection, path: Path) -> FileEntry:
    """The pairs are read several times to become text, so that the view's rows are kept meanwhile."""
    with _missing_marts_named(path):
        con.execute("create temp table pairs as select * from marts.feedback_pairs")
    return _export(con, preferences_query("pairs"), path)


def _export(con: duckdb.DuckDBPyConnection, query: str, path: Path) -> FileEntry:
    with _missing_marts_named(path):
        copied = con.execute(f"copy ({query}) to {literal(path)} (format parquet, compression zstd)")
        row = copied.fetchone()
    return FileEntry(sha256=sha256_file(path), rows=int(row[0]) if row else 0, bytes=path.stat().st_size)


@contextmanager
def _spilling_into(con: duckdb.DuckDBPyConnection, folder: Path) -> Iterator[None]:
    """Keep the order of rows whatever the threads, and what does not fit into memory out of published folders."""
    con.execute("set preserve_insertion_order = true")
    con.execute(f"set temp_directory = {literal(folder / '.spill')}")
    try:
        yield
    finally:
        remove_tree(folder / ".spill")


@contextmanager
def _missing_marts_named(path: Path) -> Iterator[None]:
    try:
        yield
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise BuildFailedError(
            f"the warehouse lacks what {path.name} is made from ({str(error).splitlines()[0]})",
            where=path.name,
            remedy="build the warehouse again with `revealed run`",
        ) from error
