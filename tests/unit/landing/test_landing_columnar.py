"""The columnar reading of Parquet takes nothing that the row-by-row reading refuses, and gives the same rows."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revealed.contracts import LOGS, Rejected, convert_row
from revealed.landing.columnar import clean_table
from revealed.landing.parsing import _in_contract_types
from revealed.landing.raw_schema import SCHEMAS, table_of

UTC_TYPE = pa.timestamp("us", tz="UTC")
NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)
SHOWN = {"item_id": "i", "position": 1, "score": 0.5, "propensity": 0.5}
SLATES = pa.list_(SCHEMAS["inferences"].field("items").type.value_type)


def slate(*changes: dict[str, Any]) -> list[dict[str, Any]]:
    return [SHOWN | {"position": place} | change for place, change in enumerate(changes, start=1)]


def text(*values: Any) -> pa.Array:
    return pa.array(values, pa.string())


def times(*values: Any) -> pa.Array:
    return pa.array(values, UTC_TYPE)


CLEAN: dict[str, dict[str, pa.Array]] = {
    "events": {
        "event_id": text("a", "b"),
        "event_type": text("click", "view"),
        "occurred_at": times(NOON, NOON),
        "user_id": text("u", None),
        "anonymous_id": text(None, "x"),
        "properties": text('{"a": 1}', None),
    },
    "inferences": {
        **{
            name: text("a", "b")
            for name in ("request_id", "surface", "model_name", "model_version", "policy")
        },
        "occurred_at": times(NOON, NOON),
        "received_at": times(NOON, None),
        "user_id": text("u", "v"),
        "items": pa.array([slate({}, {"score": None}), slate({}, {}, {"propensity": None})], SLATES),
        "user_embedding": pa.array([[0.5], None], pa.list_(pa.float32())),
    },
    "items": {"item_id": text("a", "b"), "updated_at": times(NOON, None), "price": pa.array([1.5, None])},
    "users": {"user_id": text("a", "b"), "attributes": text("{}", '{"b":[1, 2]}')},
}
ARRAYS: list[pa.Array] = [
    pa.nulls(2),
    text("a", None),
    text("", "a"),
    text("a\0", "b"),
    text("x" * 256, "x" * 257),
    text("é" * 256, "b"),
    text("click", "Click"),
    text("{", "{}"),
    text("[1]", "{}"),
    text("1", "2"),
    text('{"a": 1e999}', "{}"),
    text('{"a": "\\u0000"}', "{}"),
    text('{"b": 1.0, "a": {"c": null}}', "{}"),
    text("2024-03-01T12:00:00Z", "2024-03-01T12:00:00+01:00"),
    pa.array(["a", "b"], pa.large_string()),
    pa.array(["a", "b"]).dictionary_encode(),
    pa.array([b"a", b"b"]),
    pa.array([b"\xff", b"b"]).cast(pa.string(), safe=False),
    pa.array([1, 2], pa.int8()),
    pa.array([0, 1]),
    pa.array([-1, 1]),
    pa.array([2**31, 1]),
    pa.array([2**63, 1], pa.uint64()),
    pa.array([2**53 + 1, 1]),
    pa.array([True, False]),
    pa.array([0.5, 1.0]),
    pa.array([0.5, 1.0], pa.float32()),
    pa.array([1.5, -0.5]),
    pa.array([float("nan"), 1.0]),
    pa.array([float("inf"), None]),
    pa.array([Decimal("1.50"), None]),
    pa.array([date(2024, 3, 1), None]),
    times(NOON, None),
    times(NOON.replace(year=1999), NOON),
    times(NOON.replace(year=2101), NOON),
    times(NOON.replace(hour=11, minute=54, second=59), NOON),
    times(NOON.replace(hour=11, minute=55), NOON),
    pa.array([NOON.replace(tzinfo=None), NOON.replace(tzinfo=None)], pa.timestamp("ns")),
    pa.array([[0.5], [1.0, 2.0]]),
    pa.array([[], [1.0]]),
    pa.array([[None], [1.0]]),
    pa.array([[float("nan")], [1.0]]),
    pa.array([[1e300], [1.0]]),
    pa.array([[1], [2]]),
    pa.array([[True], [False]]),
    pa.array([slate({}), slate({}, {})], SLATES),
    pa.array([slate({}), []], SLATES),
    pa.array([slate({}), None], SLATES),
    pa.array([slate({}), [None]], SLATES),
    pa.array([slate({"position": 2}), slate({})], SLATES),
    pa.array([slate({"item_id": ""}), slate({})], SLATES),
    pa.array([slate({"item_id": None}), slate({})], SLATES),
    pa.array([slate({"propensity": 0.0}), slate({})], SLATES),
    pa.array([slate({"score": float("inf")}), slate({})], SLATES),
    pa.array([[{"item_id": "i", "position": 1}], [{"item_id": "i", "position": 1}]]),
    pa.array([[{"item_id": "i", "position": "1"}], [{"item_id": "i", "position": "1"}]]),
    pa.array([{"a": 1}, {"a": 2}]),
]


def both_readings(log: str, columns: dict[str, pa.Array]) -> tuple[pa.Table | None, pa.Table | None]:
    """Return the columnar reading and the row-by-row reading; None where a row is refused or in doubt."""
    batch = _in_contract_types(pa.RecordBatch.from_pydict(columns))
    columnar = clean_table(LOGS[log], batch, 1, "source")
    try:
        rows = [convert_row(log, row) for row in batch.to_pylist()]
    except (Rejected, UnicodeDecodeError):
        return columnar, None
    return columnar, table_of(LOGS[log], rows, [1, 2], "source")


@pytest.mark.parametrize("log", LOGS)
def test_clean_batches_take_the_fast_path(log: str) -> None:
    columnar, by_row = both_readings(log, CLEAN[log])
    assert columnar is not None
    assert columnar.equals(by_row)


@pytest.mark.parametrize("log", LOGS)
def test_no_array_in_any_column_is_read_otherwise(log: str) -> None:
    taken = 0
    for name in LOGS[log].fields:
        for array in ARRAYS:
            columnar, by_row = both_readings(log, CLEAN[log] | {name: array})
            if columnar is not None:
                assert columnar.equals(by_row), (name, array)
                taken += 1
    assert taken > len(LOGS[log].fields), "otherwise the test says nothing"


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(LOGS)), st.data())
def test_nor_any_of_several(log: str, data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(LOGS[log].fields), min_size=2, max_size=5, unique=True))
    changes = {name: data.draw(st.sampled_from(ARRAYS)) for name in names}
    columnar, by_row = both_readings(log, CLEAN[log] | changes)
    assert columnar is None or columnar.equals(by_row)
