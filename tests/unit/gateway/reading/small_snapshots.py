"""Snapshots and query tables that are small and said outright, in the files and schemas that publishing writes."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from revealed.active_learning import published as queries
from revealed.active_learning.publish import _SCHEMA as QUERY_SCHEMA
from revealed.durable import sha256_file, write_bytes, write_json
from revealed.publishing.files import RECOMMENDATION_SCHEMA, SIMILAR_SCHEMA
from revealed.publishing.generations import folder_of, put_in_service
from revealed.publishing.manifest import (
    FALLBACKS,
    ITEMS,
    MANIFEST,
    RECOMMENDATIONS,
    SIMILAR,
    SnapshotManifest,
)
from revealed.settings import Settings

AS_OF = "2026-05-01T00:00:00"
ITEM_COUNT = 40
TOPICS = ("news", "sport")


def items() -> list[str]:
    return [f"i{n:02d}" for n in range(ITEM_COUNT)]


def users(count: int) -> list[str]:
    return [f"u{n:03d}" for n in range(count)]


def publish(
    settings: Settings,
    generation: int,
    *,
    people: int = 30,
    length: int = 20,
    in_service: bool = True,
    pinned: dict[int, str] | None = None,
) -> SnapshotManifest:
    """Put a generation in service: user n's list is i(n), i(n+1), ..., scored .99, .98, ... plus the generation.

    `pinned`: place (from 0) to the item that rules put there in every list.
    """
    staged = settings.published_recommendations / f".staged.{generation}"
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    _write_lists(staged, generation, people, length, pinned or {})
    _write_similar(staged)
    _write_fallbacks(staged)
    _write_items(staged)
    manifest = put_in_place(settings, staged, generation, length=length)
    if in_service:
        put_in_service(settings, manifest)
    return manifest


def put_in_place(
    settings: Settings, staged: Path, generation: int, *, length: int, as_of: str = AS_OF
) -> SnapshotManifest:
    """Make of a folder with the four Parquet files a whole generation, which is not in service yet."""
    files = {
        path.name: {
            "sha256": sha256_file(path),
            "bytes": path.stat().st_size,
            "rows": pq.read_metadata(path).num_rows,
        }
        for path in staged.glob("*.parquet")
    }
    manifest = SnapshotManifest(
        generation=generation,
        model="als",
        model_version=str(generation),
        model_id="m",
        dataset_version="d",
        as_of=as_of,
        policy_version="p",
        k=length,
        counts={},
        files=files,
        quality={},
        created_at=as_of,
    )
    write_json(staged / MANIFEST, manifest.to_dict())
    staged.rename(folder_of(settings, generation))
    return manifest


def utilities(length: int) -> np.ndarray:
    """Of a list, by place: half a unit from one to the next."""
    return -0.5 * np.arange(length, dtype=np.float32)


def _write_lists(folder: Path, generation: int, people: int, length: int, pinned: dict[int, str]) -> None:
    rows = [
        {
            "user_id": user,
            "rank": place + 1,
            "item_id": pinned.get(place, items()[(number + place) % ITEM_COUNT]),
            "score": generation + 0.99 - 0.01 * place,
            "utility": float(utilities(length)[place]),
            "source": "pin" if place in pinned else "als",
        }
        for number, user in enumerate(users(people))
        for place in range(length)
    ]
    table = pa.Table.from_pylist(rows, schema=RECOMMENDATION_SCHEMA)
    pq.write_table(table, folder / RECOMMENDATIONS, row_group_size=5 * length)


def _write_similar(folder: Path) -> None:
    rows = [
        {
            "item_id": item,
            "rank": rank,
            "similar_item_id": items()[(n + rank) % ITEM_COUNT],
            "score": 1 - rank / 10,
            "source": "als",
        }
        for n, item in enumerate(items())
        for rank in range(1, 6)
        if n  # nothing is like the first
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=SIMILAR_SCHEMA), folder / SIMILAR, row_group_size=50)


def _write_fallbacks(folder: Path) -> None:
    rows = [
        {"segment": segment, "rank": rank, "item_id": item, "score": 100.0 - rank, "source": source}
        for segment, source, start in (
            ("all", "popularity", 0),
            ("recent:topic:sport", "topic_recent", 21),
            ("topic:sport", "popularity", 1),
        )
        for rank, item in enumerate(
            items()[start : 15 if segment == "all" else 29 : 1 if segment == "all" else 2], 1
        )
    ]
    schema = pa.schema([(f.name, f.type) for f in RECOMMENDATION_SCHEMA if f.name != "utility"])
    renamed = pa.schema(
        [schema.field(0).with_name("segment"), *[schema.field(n) for n in range(1, len(schema))]]
    )
    pq.write_table(pa.Table.from_pylist(rows, schema=renamed), folder / FALLBACKS)


def _write_items(folder: Path) -> None:
    rows = [
        {
            "item_id": item,
            "title": f"Title {n}" if n != 3 else None,
            "topic": TOPICS[n % 2],
            "is_available": True,
            "has_content": True,
        }
        for n, item in enumerate(items())
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / ITEMS)


def ask(settings: Settings, generation: int, rows: list[tuple[str, str, float]]) -> queries.QueriesManifest:
    """Put a query table in service: (user, item, propensity), each person's in the order given."""
    folder = queries.folder_of(settings, generation)
    folder.mkdir(parents=True)
    ranks: dict[str, int] = {}
    written = []
    for user, item, propensity in rows:
        ranks[user] = ranks.get(user, 0) + 1
        written.append(
            {
                "user_id": user,
                "item_id": item,
                "reason": "near_tie",
                "information": 1.0 / ranks[user],
                "score": 0.5,
                "rank": ranks[user],
                "propensity": propensity,
                "as_of": None,
                "model_version": "3",
            }
        )
    path = folder / queries.QUERIES
    pq.write_table(pa.Table.from_pylist(written, schema=QUERY_SCHEMA), path)
    manifest = queries.QueriesManifest(
        generation=generation,
        as_of=AS_OF,
        model_version="3",
        model_id="m",
        dataset_version="d",
        budget=vars(queries.QueryBudget()),
        slate=10,
        seed=0,
        rows=len(rows),
        people=len(ranks),
        reasons={},
        candidates=len(rows),
        sigma2=1.0,
        people_share=1.0,
        sha256=sha256_file(path),
        bytes=path.stat().st_size,
        created_at=AS_OF,
    )
    write_json(folder / queries.MANIFEST, manifest.to_dict())
    write_bytes(queries.queries_root(settings) / queries.CURRENT, f"{generation:06d}\n".encode())
    return manifest
