"""A published snapshot of the files and sizes that a mid-sized shop has, with made-up lists: for measuring how it is served."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from revealed.durable import sha256_file, write_json
from revealed.publishing.generations import current_snapshot, folder_of, put_in_service
from revealed.publishing.list_files import RECOMMENDATION_SCHEMA, SIMILAR_SCHEMA
from revealed.publishing.manifest import (
    FALLBACKS,
    ITEMS,
    MANIFEST,
    RECOMMENDATIONS,
    SIMILAR,
    SnapshotManifest,
)
from revealed.publishing.row_groups import ROWS_IN_A_GROUP
from revealed.settings import Settings

USERS, ITEM_COUNT, LENGTH, SIMILAR_COUNT = 20_000, 5_000, 100, 20
_AS_OF = "2026-05-01T00:00:00"


def publish_made_up(settings: Settings) -> list[str]:
    """Put generation 1 in service: 20,000 people's lists of 100 of 5,000 items; return the people."""
    folder = folder_of(settings, 1)
    folder.mkdir(parents=True)
    users = np.array([f"u-{number:05d}" for number in range(USERS)])
    items = np.array([f"i-{number:04d}" for number in range(ITEM_COUNT)])
    pq.write_table(_lists(users, items), folder / RECOMMENDATIONS, row_group_size=ROWS_IN_A_GROUP)
    pq.write_table(_similar(items), folder / SIMILAR, row_group_size=ROWS_IN_A_GROUP)
    pq.write_table(_fallbacks(items), folder / FALLBACKS)
    pq.write_table(_described(items), folder / ITEMS)
    files = {
        path.name: {
            "sha256": sha256_file(path),
            "bytes": path.stat().st_size,
            "rows": pq.read_metadata(path).num_rows,
        }
        for path in sorted(folder.glob("*.parquet"))
    }
    manifest = SnapshotManifest(
        generation=1, model="als", model_version="1", model_id="made-up", dataset_version="made-up", as_of=_AS_OF,
        policy_version="made-up", k=LENGTH, counts={}, files=files, quality={}, created_at=_AS_OF,
    )  # fmt: skip
    write_json(folder / MANIFEST, manifest.to_dict())
    put_in_service(settings, manifest)
    return [str(user) for user in users]


def stage_next(settings: Settings) -> SnapshotManifest:
    """Write the snapshot in service again under the next number, and return its manifest; nobody is pointed at it yet."""
    current = current_snapshot(settings)
    following = replace(current, generation=current.generation + 1)
    folder = folder_of(settings, following.generation)
    shutil.copytree(folder_of(settings, current.generation), folder)
    write_json(folder / MANIFEST, following.to_dict())
    return following


def _lists(users: np.ndarray, items: np.ndarray) -> pa.Table:
    """Each person's list: a hundred items from a place of their own on, half a standard deviation between two places."""
    place = np.tile(np.arange(LENGTH), len(users))
    start = np.repeat(np.arange(len(users)) * 37, LENGTH)
    return pa.table(
        [
            np.repeat(users, LENGTH),
            (place + 1).astype(np.int32),
            items[(start + place) % len(items)],
            (1 - place / LENGTH).astype(np.float32),
            (-0.5 * place).astype(np.float32),
            np.full(len(place), "als"),
        ],
        schema=RECOMMENDATION_SCHEMA,
    )


def _similar(items: np.ndarray) -> pa.Table:
    rank = np.tile(np.arange(1, SIMILAR_COUNT + 1), len(items))
    item = np.repeat(np.arange(len(items)), SIMILAR_COUNT)
    columns = [
        items[item],
        rank.astype(np.int32),
        items[(item + rank) % len(items)],
        (1 / rank).astype(np.float32),
        np.full(len(rank), "als"),
    ]
    return pa.table(columns, schema=SIMILAR_SCHEMA)


def _fallbacks(items: np.ndarray) -> pa.Table:
    rank = np.arange(1, LENGTH + 1)
    return pa.table(
        {
            "segment": np.full(LENGTH, "all"),
            "rank": rank.astype(np.int32),
            "item_id": items[:LENGTH],
            "score": (1 / rank).astype(np.float32),
            "source": np.full(LENGTH, "popularity"),
        }
    )


def _described(items: np.ndarray) -> pa.Table:
    return pa.table(
        {
            "item_id": items,
            "title": [f"Title of {item}" for item in items],
            "topic": [f"topic-{number % 20}" for number in range(len(items))],
            "is_available": np.full(len(items), True),
            "has_content": np.full(len(items), True),
        }
    )
