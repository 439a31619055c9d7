"""A home with a small world and a snapshot that nobody trained: every person's list is a seeded permutation."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1] / "gateway" / "reading"))

from small_snapshots import put_in_place

from revealed.publishing.files import RECOMMENDATION_SCHEMA, SIMILAR_SCHEMA
from revealed.publishing.generations import put_in_service
from revealed.publishing.manifest import FALLBACKS, ITEMS, RECOMMENDATIONS, SIMILAR
from revealed.settings import Settings
from revealed.simulation import WorldConfig, simulate
from revealed.simulation.names import Names

WORLD = dataclasses.replace(
    WorldConfig.tiny(), malformed_rate=0.02, duplicate_rate=0.1, late_rate=0.05, mean_activity=0.6
)
STRANGERS = 12  # the last of the people have no list


def served_home(home: Path) -> Settings:
    """Write the world and put the snapshot in service."""
    settings = Settings.from_env({"REVEALED_HOME": str(home), "REVEALED_LANDING_GRACE_SECONDS": "0"})
    simulate(settings, WORLD)
    _publish(settings)
    return settings


def _publish(settings: Settings) -> None:
    folder = settings.published_recommendations / ".staged"
    folder.mkdir(parents=True)
    for name, table in _tables().items():
        pq.write_table(table, folder / name)
    put_in_service(
        settings, put_in_place(settings, folder, 1, length=WORLD.items, as_of="2026-01-07T00:00:00")
    )


def _tables() -> dict[str, pa.Table]:
    names, rng = Names(WORLD), np.random.default_rng(1)
    catalogue = [names.item(n) for n in range(WORLD.items)]
    known = sorted(names.user(n) for n in range(WORLD.users - STRANGERS))
    without_utility = RECOMMENDATION_SCHEMA.remove(RECOMMENDATION_SCHEMA.get_field_index("utility"))
    return {
        RECOMMENDATIONS: _lists("user_id", known, catalogue, rng, RECOMMENDATION_SCHEMA),
        FALLBACKS: _lists("segment", ["all"], catalogue, rng, without_utility),
        SIMILAR: pa.table({field.name: pa.array([], field.type) for field in SIMILAR_SCHEMA}),
        ITEMS: pa.table(
            {
                "item_id": catalogue,
                "title": catalogue,
                "topic": ["any"] * len(catalogue),
                "is_available": [True] * len(catalogue),
                "has_content": [False] * len(catalogue),
            }
        ),
    }


def _lists(
    owner: str, owners: list[str], catalogue: list[str], rng: np.random.Generator, schema: pa.Schema
) -> pa.Table:
    n = len(catalogue)
    columns = {
        owner: np.repeat(owners, n),
        "rank": np.tile(np.arange(1, n + 1), len(owners)),
        "item_id": np.concatenate([rng.permutation(catalogue) for _ in owners]),
        "score": np.tile(np.linspace(1.0, 0.1, n), len(owners)),
        "utility": np.tile(np.linspace(0.0, -3.0, n), len(owners)),
        "source": np.repeat("als", n * len(owners)),
    }
    wanted = {"user_id": owner}
    return pa.table(
        {
            wanted.get(field.name, field.name): pa.array(
                columns[wanted.get(field.name, field.name)].tolist(), field.type
            )
            for field in schema
        }
    )
