"""Raw Parquet as interfaces.md pins it: later stages read these columns, in this order and of these types."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from landing_files import as_lines, event, inference, put

from revealed.engines.duckdb import connect, literal
from revealed.landing import ingest_path, read_ledger
from revealed.landing.benchmark import bench_landing
from revealed.settings import Settings

SOURCE = "schema_version INTEGER, source_file VARCHAR, source_line BIGINT"
LAYOUT = {
    "events": "event_id VARCHAR, event_type VARCHAR, occurred_at, received_at, user_id VARCHAR,"
    " anonymous_id VARCHAR, session_id VARCHAR, item_id VARCHAR, request_id VARCHAR, position INTEGER,"
    " surface VARCHAR, dwell_ms BIGINT, scroll_depth DOUBLE, value DOUBLE, currency VARCHAR, quantity BIGINT,"
    " order_id VARCHAR, reverses_event_id VARCHAR, rating DOUBLE, query VARCHAR, user_agent VARCHAR,"
    f" properties VARCHAR, {SOURCE}",
    "inferences": "request_id VARCHAR, occurred_at, received_at, user_id VARCHAR, anonymous_id VARCHAR,"
    " session_id VARCHAR, surface VARCHAR, model_name VARCHAR, model_version VARCHAR, policy VARCHAR,"
    " snapshot_id VARCHAR, experiment_id VARCHAR, variant VARCHAR, query VARCHAR, context VARCHAR,"
    " user_embedding FLOAT[], items STRUCT(item_id VARCHAR; position INTEGER; score DOUBLE; propensity DOUBLE)[],"
    f" latency_ms DOUBLE, {SOURCE}",
    "items": "item_id VARCHAR, title VARCHAR, text VARCHAR, topic VARCHAR, format VARCHAR, framing VARCHAR,"
    " author VARCHAR, published_at, price DOUBLE, expected_dwell_s DOUBLE, embedding FLOAT[],"
    f" is_available BOOLEAN, updated_at, received_at, {SOURCE}",
    "users": f"user_id VARCHAR, attributes VARCHAR, first_seen_at, updated_at, received_at, {SOURCE}",
    "quarantine": "log VARCHAR, reason VARCHAR, detail VARCHAR, raw VARCHAR, source_file VARCHAR,"
    " source_name VARCHAR, source_line BIGINT, byte_offset BIGINT",
}
ROWS = {"events": event(1), "inferences": inference(1), "items": {"item_id": "i"}, "users": {"user_id": "u"}}


def described(settings: Settings, path: Path) -> str:
    rows = (
        connect(settings)
        .execute(f"describe select * from read_parquet({literal(path)}, hive_partitioning = false)")
        .fetchall()
    )
    columns = [f"{name} {kind.replace(', ', '; ').replace(chr(34), '')}" for name, kind, *_ in rows]
    return re.sub(r"_at TIMESTAMP", "_at", ", ".join(columns))


@pytest.mark.parametrize("log", ROWS)
def test_duckdb_reads_the_pinned_columns(settings: Settings, tmp_path: Path, log: str) -> None:
    ingest_path(settings, put(tmp_path / "a.jsonl", as_lines([ROWS[log], b"{"])), log)
    (entry,) = read_ledger(settings)
    assert entry.quarantine_output is not None
    assert entry.quarantine_output.path == f"quarantine/{log}/{entry.source_file}.parquet"
    assert described(settings, settings.raw / entry.outputs[0].path) == LAYOUT[log]
    assert described(settings, settings.raw / entry.quarantine_output.path) == LAYOUT["quarantine"]


def test_the_benchmark_accounts_for_its_lines(tmp_path: Path) -> None:
    figures = bench_landing(1_000, folder=tmp_path)
    assert [entry["lines"] for entry in figures.values()] == [1_000] * 3
    assert [entry["quarantined"] for entry in figures.values()] == [0, 0, 10]
    assert list(tmp_path.iterdir()) == []
