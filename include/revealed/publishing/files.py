"""Write a snapshot's files: long tables, sorted, in small row groups, so that one user's list is one small read."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from revealed.engines.duckdb import literal
from revealed.feedback import DatasetManifest
from revealed.feedback.export import RECENT_DAYS
from revealed.progress import Progress
from revealed.publishing.manifest import FALLBACKS, ITEMS, RECOMMENDATIONS, SIMILAR
from revealed.publishing.row_groups import write_row_groups
from revealed.publishing.utility import utilities
from revealed.training.matrix import Ids, Interactions
from revealed.training.popularity import Popularity
from revealed.training.protocol import NOTHING
from revealed.training.recent_likes import RecentByTopic
from revealed.training.serving import COLD_ITEM, Served, Server

SIMILAR_ITEMS = 20
_USERS_AT_ONCE = 4_096

RECOMMENDATION_SCHEMA = pa.schema(
    [
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("rank", pa.int32(), nullable=False),
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("score", pa.float32(), nullable=False),
        pa.field("utility", pa.float32(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
    ]
)
SIMILAR_SCHEMA = pa.schema(
    [
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("rank", pa.int32(), nullable=False),
        pa.field("similar_item_id", pa.string(), nullable=False),
        pa.field("score", pa.float32(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
    ]
)


def write_recommendations(
    folder: Path, server: Server, data: Interactions, k: int, progress: Progress
) -> dict[str, int]:
    """Write the top `k` of every user and return counts: users, recommendations, and `from_<source>` for each source."""
    users, places = len(data.users), np.zeros(len(server.names), dtype=np.int64)
    with _sorted_file(folder / RECOMMENDATIONS, RECOMMENDATION_SCHEMA) as writer:
        for start in range(0, users, _USERS_AT_ONCE):
            rows = np.arange(start, min(start + _USERS_AT_ONCE, users), dtype=np.int64)
            served = server.lists(rows, k)
            _write_lists(writer, data.users[rows], server.space, served)
            places += np.bincount(served.source[served.items != NOTHING], minlength=len(places))
            progress("scoring users", int(rows[-1]) + 1, users)
    counts = {f"from_{name}": int(count) for name, count in zip(server.names, places, strict=True)}
    return {"users": users, "recommendations": int(places.sum())} | counts


def write_similar_items(folder: Path, server: Server) -> int:
    """Write the items most like each item, unavailable ones left out, and return how many rows that is."""
    served = server.similar(SIMILAR_ITEMS)
    with _sorted_file(folder / SIMILAR, SIMILAR_SCHEMA) as writer:
        _write_lists(writer, server.space, server.space, served)
    return int((served.items != NOTHING).sum())


def _sorted_file(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Return a writer whose footer holds statistics of the first column alone: what a reader finds a list by."""
    return pq.ParquetWriter(path, schema, compression="zstd", write_statistics=[schema.names[0]])


def _write_lists(writer: pq.ParquetWriter, owners: Ids, space: Ids, served: Served) -> None:
    """Write one row a filled place: the list's owner, rank, item, score, source, and the utility where it is asked for."""
    at, place = np.nonzero(served.items != NOTHING)
    columns = {
        writer.schema.names[0]: pa.array(owners[at], pa.string()),
        "rank": pa.array((place + 1).astype(np.int32)),
        writer.schema.names[2]: pa.array(space[served.items[at, place]], pa.string()),
        "score": pa.array(served.scores[at, place], pa.float32()),
        "utility": pa.array(_utilities(served)[at, place]),
        "source": pa.array(np.asarray(served.names, dtype=object)[served.source[at, place]], pa.string()),
    }
    table = pa.table([columns[name] for name in writer.schema.names], schema=writer.schema)
    lengths = np.bincount(at, minlength=len(owners))
    write_row_groups(writer, table, np.cumsum(lengths[lengths > 0]))


def _utilities(served: Served) -> NDArray[np.float32]:
    """Return each place's utility; cold items are scored as the model scores its own."""
    scale = served.source.copy()
    scale[scale == served.names.index(COLD_ITEM)] = 0
    return utilities(served.scores, scale, len(served.names))


def write_items(
    con: duckdb.DuckDBPyConnection, folder: Path, dataset: DatasetManifest, described: Ids
) -> int:
    """Write the catalogue and every item that somebody has feedback on; one without a catalogue row is available.

    `described` are the items of whose content something is known: `has_content`.
    """
    con.register("described", pa.table([pa.array(described, pa.string())], names=["item_id"]))
    return _copy(
        con,
        folder / ITEMS,
        f"""
        select
            item_id,
            catalogue.title,
            catalogue.topic,
            coalesce(catalogue.is_available, true) as is_available,
            item_id in (select item_id from described) as has_content
        from (select distinct item_id from read_parquet({literal(dataset.file("interactions.parquet"))}))
        full join read_parquet({literal(dataset.file("items.parquet"))}) as catalogue using (item_id)
        order by item_id
        """,
    )


def write_fallbacks(con: duckdb.DuckDBPyConnection, folder: Path, dataset: DatasetManifest, k: int) -> int:
    """Write lists for people whom nothing is known of: what is popular and what is engaging of late, by segment.

    Needs `items.parquet` beside it. The segments are `all`, `topic:<topic>`, `recent:all`, `recent:topic:<topic>` and
    `surface:<surface>`; `score` is how many people like the item (recent: and did so last within `RECENT_DAYS` before the
    dataset's `as_of`; surfaces: clicked on it there lately).
    """
    return _copy(
        con,
        folder / FALLBACKS,
        f"""
        with items as (select * from read_parquet({literal(folder / ITEMS)}) where is_available),
        liked as (
            select item_id, confidence, last_event_at >= max(as_of) over () - interval {RECENT_DAYS} day as is_recent
            from read_parquet({literal(dataset.file("interactions.parquet"))})
        ),
        counted as (
            select '' as period, item_id, count(*) as score, sum(confidence) as confidence
            from liked where confidence > 0 group by item_id
            union all
            select 'recent:', item_id, count(*), sum(confidence)
            from liked where confidence > 0 and is_recent group by item_id
        ),
        scored as (
            select period || 'all' as segment, item_id, score, confidence from counted
            union all
            select period || 'topic:' || topic, item_id, score, confidence from counted join items using (item_id)
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
        select segment, cast(rank as integer) as rank, item_id, cast(score as float) as score,
            case when segment like 'recent:%' then {literal(RecentByTopic.name)} else {literal(Popularity.name)} end
            as source
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
