"""The snapshot as a DuckDB file, for analysts: the same rows as the Parquet files, with comments, in one file."""

from __future__ import annotations

from pathlib import Path

import duckdb

from revealed.engines.duckdb import connect, literal
from revealed.publishing.generations import pointer
from revealed.publishing.manifest import DATABASE, FALLBACKS, ITEMS, RECOMMENDATIONS, SIMILAR
from revealed.settings import Settings

SCHEMA = "marts"
_TABLES = {
    "recommendations": (
        RECOMMENDATIONS,
        "user_id, rank",
        "What each user is shown, best first: one row a user and rank.",
    ),
    "similar_items": (SIMILAR, "item_id, rank", "The items most like each item: one row an item and rank."),
    "recommendation_fallbacks": (
        FALLBACKS,
        "segment, rank",
        "What people are shown whom nobody knows: one row a segment and rank.",
    ),
    "recommendation_items": (
        ITEMS,
        "item_id",
        "The catalogue that the lists were made from: one row an item.",
    ),
}
_COLUMNS = {
    "score": "By the source of the place; comparable within a source only.",
    "utility": "0 at the top of a list, in standard deviations of its scores below: what exploration draws by.",
    "source": "What filled the place: the model, cold_item, content, topic_recent, popularity, or a pin.",
    "likes": "How many people like the item.",
    "is_allowed": "Whether the filters of rules.toml let it pass.",
}


def write_database(settings: Settings, folder: Path, facts: dict[str, str | int]) -> None:
    """Write `snapshot.duckdb` beside the Parquet files of a folder.

    Args:
        settings: DuckDB's limits.
        folder: holds the Parquet files.
        facts: become the one row of `marts.recommendation_snapshot`: which generation, of which model, on which data.
    """
    con = connect(settings, folder / DATABASE)
    try:
        con.execute(f"create schema {SCHEMA}")
        for name, (file, order, comment) in _TABLES.items():
            con.execute(
                f"create table {SCHEMA}.{name} as from read_parquet({literal(folder / file)}) order by {order}"
            )
            con.execute(f"comment on table {SCHEMA}.{name} is {literal(comment)}")
            for (column,) in con.execute(f"select column_name from (describe {SCHEMA}.{name})").fetchall():
                if column in _COLUMNS:
                    con.execute(f"comment on column {SCHEMA}.{name}.{column} is {literal(_COLUMNS[column])}")
        row = ", ".join(
            f"{value if isinstance(value, int) else literal(value)} as {name}"
            for name, value in facts.items()
        )
        con.execute(f"create table {SCHEMA}.recommendation_snapshot as select {row}")
        con.execute("force checkpoint")
    finally:
        con.close()


def attach_snapshot(settings: Settings, con: duckdb.DuckDBPyConnection) -> None:
    """Attach the snapshot in service, so that its tables are found beside the warehouse's: `marts.recommendations`.

    Does nothing where no snapshot with a DuckDB file is in service. Its own name is `snapshot`.

    Args:
        settings: where snapshots are.
        con: the warehouse, open for reading.
    """
    found = pointer(settings)
    path = settings.published_recommendations / found / DATABASE if found else None
    if path is None or not path.is_file():
        return
    con.execute(f"attach {literal(path.resolve())} as snapshot (read_only)")
    row = con.execute("select current_database()").fetchone()
    warehouse = str(row[0] if row else "warehouse")
    con.execute(f"set search_path = {literal(f'{warehouse}.main,{warehouse}.{SCHEMA},snapshot.{SCHEMA}')}")
