"""Embeddings that senders supply reach the feedback dataset's items, and are what content is made from."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from loop_steps import build_models, settings_at

from revealed.engines.duckdb import connect, literal
from revealed.landing import ingest_landing
from revealed.training.item_content import read_item_content

pytestmark = [pytest.mark.dbt]


def test_supplied_embeddings_are_what_content_is_made_from(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    landed = {"a": [3.0, 4.0], "b": [0.0, 2.5]}
    lines = [{"item_id": "a", "updated_at": "2026-01-01T00:00:00Z", "embedding": [1.0, 1.0]}]
    lines += [
        {"item_id": item, "updated_at": "2026-01-02T00:00:00Z", "embedding": vector}
        for item, vector in landed.items()
    ]
    path = settings.landing / "items" / "items-1.ndjson"
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    ingest_landing(settings)
    plan = build_models(settings, datetime(2026, 1, 3, tzinfo=UTC), "+dim_items")
    con = connect(settings, plan.database, read_only=True)
    found = dict(con.execute("select item_id, embedding from marts.dim_items").fetchall())
    con.execute(
        f"copy (select * from marts.dim_items order by item_id) to {literal(tmp_path / 'items.parquet')}"
    )
    con.close()
    assert found == landed  # the latest version's
    content = read_item_content(settings, tmp_path / "items.parquet")
    assert content.made_from == "embeddings"
    assert content.features.ravel().tolist() == pytest.approx([0.6, 0.8, 0.0, 1.0])
