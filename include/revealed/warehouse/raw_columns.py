"""The columns of raw Parquet as DuckDB types: what staging models may rely on, also when nothing has landed yet."""

from __future__ import annotations

_TIMES = {"occurred_at": "TIMESTAMP", "received_at": "TIMESTAMP"}
_LINEAGE = {"schema_version": "INTEGER", "source_file": "VARCHAR", "source_line": "BIGINT"}
_ACTOR = {"user_id": "VARCHAR", "anonymous_id": "VARCHAR", "session_id": "VARCHAR"}

RAW_COLUMNS: dict[str, dict[str, str]] = {
    "events": {
        "event_id": "VARCHAR",
        "event_type": "VARCHAR",
        **_TIMES,
        **_ACTOR,
        "item_id": "VARCHAR",
        "request_id": "VARCHAR",
        "position": "INTEGER",
        "surface": "VARCHAR",
        "dwell_ms": "BIGINT",
        "scroll_depth": "DOUBLE",
        "value": "DOUBLE",
        "currency": "VARCHAR",
        "quantity": "BIGINT",
        "order_id": "VARCHAR",
        "reverses_event_id": "VARCHAR",
        "rating": "DOUBLE",
        "query": "VARCHAR",
        "user_agent": "VARCHAR",
        "properties": "VARCHAR",
        **_LINEAGE,
    },
    "inferences": {
        "request_id": "VARCHAR",
        **_TIMES,
        **_ACTOR,
        "surface": "VARCHAR",
        "model_name": "VARCHAR",
        "model_version": "VARCHAR",
        "policy": "VARCHAR",
        "snapshot_id": "VARCHAR",
        "experiment_id": "VARCHAR",
        "variant": "VARCHAR",
        "query": "VARCHAR",
        "context": "VARCHAR",
        "user_embedding": "FLOAT[]",
        "items": 'STRUCT(item_id VARCHAR, "position" INTEGER, score DOUBLE, propensity DOUBLE)[]',
        "latency_ms": "DOUBLE",
        **_LINEAGE,
    },
    "items": {
        "item_id": "VARCHAR",
        "title": "VARCHAR",
        "text": "VARCHAR",
        "topic": "VARCHAR",
        "format": "VARCHAR",
        "framing": "VARCHAR",
        "author": "VARCHAR",
        "published_at": "TIMESTAMP",
        "price": "DOUBLE",
        "expected_dwell_s": "DOUBLE",
        "embedding": "FLOAT[]",
        "is_available": "BOOLEAN",
        "updated_at": "TIMESTAMP",
        "received_at": "TIMESTAMP",
        **_LINEAGE,
    },
    "users": {
        "user_id": "VARCHAR",
        "attributes": "VARCHAR",
        "first_seen_at": "TIMESTAMP",
        "updated_at": "TIMESTAMP",
        "received_at": "TIMESTAMP",
        **_LINEAGE,
    },
}

# Catalogue and users change slowly and are read whole; the two logs are read by the days of the window.
WINDOWED_LOGS = ("events", "inferences")
