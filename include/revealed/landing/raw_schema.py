"""The columns of raw Parquet, and typed rows as Arrow tables in those columns."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from revealed.contracts import LOGS, InferenceItem, Log, Row

TIMESTAMP = pa.timestamp("us")
_TIMESTAMP_UTC = pa.timestamp("us", tz="UTC")
_TEXT = pa.string()
_SHOWN_ITEM = pa.struct(
    [("item_id", _TEXT), ("position", pa.int32()), ("score", pa.float64()), ("propensity", pa.float64())]
)
_TYPES: dict[str, pa.DataType] = {
    **dict.fromkeys(("occurred_at", "received_at", "published_at", "updated_at", "first_seen_at"), TIMESTAMP),
    **dict.fromkeys(
        ("scroll_depth", "value", "rating", "latency_ms", "price", "expected_dwell_s"), pa.float64()
    ),
    **dict.fromkeys(("dwell_ms", "quantity", "source_line"), pa.int64()),
    **dict.fromkeys(("position", "schema_version"), pa.int32()),
    **dict.fromkeys(("user_embedding", "embedding"), pa.list_(pa.float32())),
    "items": pa.list_(_SHOWN_ITEM),
    "is_available": pa.bool_(),
}
_OBJECTS = ("properties", "context", "attributes")
_SOURCE_COLUMNS = ("source_file", "source_line")
_MANY_VALUES = frozenset(
    {
        "event_id",
        "request_id",
        "occurred_at",
        "received_at",
        "dwell_ms",
        "value",
        "order_id",
        "reverses_event_id",
        "query",
        "properties",
        "context",
        "attributes",
        "title",
        "text",
        "source_line",
    }
)
SCHEMAS: dict[str, pa.Schema] = {
    log.name: pa.schema([(name, _TYPES.get(name, _TEXT)) for name in (*log.fields, *_SOURCE_COLUMNS)])
    for log in LOGS.values()
}
QUARANTINE_SCHEMA: pa.Schema = pa.schema(
    [
        *((name, _TEXT) for name in ("log", "reason", "detail", "raw", "source_file", "source_name")),
        ("source_line", pa.int64()),
        ("byte_offset", pa.int64()),
    ]
)


def dictionary_columns(schema: pa.Schema) -> list[str]:
    """Return the columns whose values repeat so much that Parquet should hold each once."""
    flat = [field.name for field in schema if not pa.types.is_nested(field.type)]
    return [name for name in flat if name not in _MANY_VALUES]


def table_of(log: Log, rows: Sequence[Row], line_numbers: Sequence[int], source_file: str) -> pa.Table:
    """Return the rows in the log's raw columns; an absent `received_at` becomes the row's own time."""
    columns = {name: _column(name, list(map(attrgetter(name), rows))) for name in log.fields}
    return finish_table(log, columns, line_numbers, source_file)


def finish_table(
    log: Log, columns: dict[str, pa.Array], line_numbers: Sequence[int] | np.ndarray, source_file: str
) -> pa.Table:
    """Return the contract's columns with those that landing adds, in the order of raw."""
    schema = SCHEMAS[log.name]
    columns["received_at"] = pc.coalesce(columns["received_at"], columns[log.day])
    columns["source_file"] = pa.repeat(source_file, len(line_numbers))
    columns["source_line"] = pa.array(line_numbers, pa.int64())
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


def _column(name: str, values: Sequence[Any]) -> pa.Array:
    kind = _TYPES.get(name, _TEXT)
    if kind == TIMESTAMP:
        return pa.array(values, _TIMESTAMP_UTC).cast(TIMESTAMP)
    if name in _OBJECTS:
        return pa.array([None if value is None else _json_text(value) for value in values], _TEXT)
    if name == "items":
        return _shown_items(values)
    return pa.array(values, kind)


def _json_text(value: dict[str, Any]) -> str:
    return msgspec.json.encode(value).decode()


def _shown_items(slates: Sequence[Sequence[InferenceItem]]) -> pa.Array:
    """Build the nested column from flat ones; a Python dict for each shown item would cost far more."""
    offsets = [0]
    for slate in slates:
        offsets.append(offsets[-1] + len(slate))
    flat = zip(*(msgspec.structs.astuple(item) for slate in slates for item in slate), strict=True)
    children = [pa.array(column, field.type) for column, field in zip(flat, _SHOWN_ITEM, strict=True)]
    items = pa.StructArray.from_arrays(children, fields=list(_SHOWN_ITEM))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), items)
