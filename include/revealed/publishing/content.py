"""Write a snapshot's files: long tables, sorted, in small row groups, so that one user's list is one small read."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from revealed.engines.duckdb import literal
from revealed.feedback import DatasetManifest
from revealed.progress import Progress
from revealed.publishing.manifest import FALLBACKS, ITEMS, RECOMMENDATIONS, SIMILAR
from revealed.training.matrix import Interactions
from revealed.training.protocol import NOTHING, Recommender
from revealed.training.serving import Server

SIMILAR_ITEMS = 20
_USERS_AT_ONCE = 4_096
_ROWS_IN_A_GROUP = 10_000

RECOMMENDATION_SCHEMA = pa.schema(
    [
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("rank", pa.int32(), nullable=False),
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("score", pa.float32(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
    ]
)
SIMILAR_SCHEMA = pa.schema(
    [
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("rank", pa.int32(), nullable=False),
        pa.field("similar_item_id", pa.string(), nullable=False),
        pa.field("score", pa.float32(), nullable=False),
    ]
)


def write_recommendations(
    folder: Path, server: Server, data: Interactions, k: int, progress: Progress
) -> dict[str, int]:
    """Write the top `k` of every user and return counts: users, recommendations, personal recommendations."""
    users, written, personal = len(data.users), 0, 0
    with pq.ParquetWriter(folder / RECOMMENDATIONS, RECOMMENDATION_SCHEMA, compression="zstd") as writer:
        for start in range(0, users, _USERS_AT_ONCE):
            rows = np.arange(start, min(start + _USERS_AT_ONCE, users), dtype=np.int64)
            served = server.lists(rows, k)
            at, place = np.nonzero(served.items != NOTHING)
            fallback = served.is_fallback[at, place]
            table = pa.table(
                [
                    pa.array(data.users[rows[at]], pa.string()),
                    pa.array((place + 1).astype(np.int32)),
                    pa.array(server.space[served.items[at, place]], pa.string()),
                    pa.array(served.scores[at, place], pa.float32()),
                    pa.array(np.where(fallback, "popularity", server.model.name), pa.string()),
                ],
                schema=RECOMMENDATION_SCHEMA,
            )
            writer.write_table(table, row_group_size=_ROWS_IN_A_GROUP)
            written += len(at)
            personal += int((~fallback).sum())
            progress("scoring users", int(rows[-1]) + 1, users)
    return {"users": users, "recommendations": written, "model_recommendations": personal}


def write_similar_items(folder: Path, model: Recommender, unavailable: frozenset[str]) -> int:
    """Write the items most like each item, unavailable ones left out, and return how many rows that is."""
    blocked = np.fromiter((item in unavailable for item in model.items), dtype=bool, count=len(model.items))
    ranking = model.similar(SIMILAR_ITEMS, blocked)
    at, place = np.nonzero(ranking.items != NOTHING)
    table = pa.table(
        [
            pa.array(model.items[at], pa.string()),
            pa.array((place + 1).astype(np.int32)),
            pa.array(model.items[ranking.items[at, place]], pa.string()),
            pa.array(ranking.scores[at, place], pa.float32()),
        ],
        schema=SIMILAR_SCHEMA,
    )
    pq.write_table(table, folder / SIMILAR, row_group_size=_ROWS_IN_A_GROUP, compression="zstd")
    return len(at)


def write_items(con: duckdb.DuckDBPyConnection, folder: Path, dataset: DatasetManifest) -> int:
    """Write the catalogue and every item that somebody has feedback on; one without a catalogue row is available."""
    return _copy(
        con,
        folder / ITEMS,
        f"""
        select
            item_id,
            catalogue.title,
            catalogue.topic,
            coalesce(catalogue.is_available, true) as is_available
        from (select distinct item_id from read_parquet({literal(dataset.file("interactions.parquet"))}))
        full join read_parquet({literal(dataset.file("items.parquet"))}) as catalogue using (item_id)
        order by item_id
        """,
    )


def write_fallbacks(con: duckdb.DuckDBPyConnection, folder: Path, dataset: DatasetManifest, k: int) -> int:
    """Write what is popular for people whom nothing is known of: overall, by topic, and of late by surface.

    Needs `items.parquet` beside it. `score` is how many people like the item (surfaces: clicked on it there
    lately).
    """
    return _copy(
        con,
        folder / FALLBACKS,
        f"""
        with items as (select * from read_parquet({literal(folder / ITEMS)}) where is_available),
        liked as (
            select item_id, count(*) as score, sum(confidence) as confidence
            from read_parquet({literal(dataset.file("interactions.parquet"))})
            where confidence > 0
            group by item_id
        ),
        scored as (
            select 'all' as segment, item_id, score, confidence from liked
            union all
            select 'topic:' || topic, item_id, score, confidence from liked join items using (item_id)
            where topic is not null
            union all
            select 'surface:' || surface, item_id, users, 0
            from read_parquet({literal(dataset.file("surface_items.parquet"))}) where surface is not null
        ),
        ranked as (
            select
                segment,
                row_number() over (partition by segment order by score desc, confidence desc, item_id) as
                rank, item_id, score
            from scored semi join items using (item_id)
        )
        select segment, cast(rank as integer) as rank, item_id, cast(score as float) as score
        from ranked where rank <= {int(k)}
        order by segment, rank
        """,
    )


def unavailable_items(con: duckdb.DuckDBPyConnection, folder: Path) -> frozenset[str]:
    """Return the items that must not be shown; needs `items.parquet` in the folder."""
    rows = con.execute(
        f"select item_id from read_parquet({literal(folder / ITEMS)}) where not is_available"
    ).fetchall()
    return frozenset(str(item) for (item,) in rows)


def _copy(con: duckdb.DuckDBPyConnection, path: Path, query: str) -> int:
    row = con.execute(f"copy ({query}) to {literal(path)} (format parquet, compression zstd)").fetchone()
    return int(row[0]) if row else 0
