"""Parquet files are held to the rules of lines; mappings rename what others call otherwise."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from landing_files import as_lines, counts, event, inference, put, quarantined, raw_rows

from revealed.errors import MissingInputError, UsageError
from revealed.landing import ingest_path
from revealed.settings import Settings

NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)


def write(path: Path, columns: dict[str, Any]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def columns(size: int, **changes: Any) -> dict[str, Any]:
    return {
        "event_id": [f"e{number}" for number in range(size)],
        "event_type": ["click"] * size,
        "occurred_at": pa.array([NOON] * size, pa.timestamp("us", tz="UTC")),
        "user_id": ["u1"] * size,
    } | changes


def test_parquet_and_lines_give_the_same_rows(settings: Settings, tmp_path: Path) -> None:
    sent = [inference(number) for number in range(3)]
    rows = [row | {"occurred_at": NOON, "received_at": NOON} for row in sent]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    assert counts(ingest_path(settings, tmp_path / "a.parquet", "inferences")) == (3, 3, 0, 0)
    (first, *_) = raw_rows(settings, "inferences")
    assert first["items"] == sent[0]["items"]
    assert first["context"] == '{"hour":12}'
    assert first["occurred_at"] == NOON.replace(tzinfo=None)


@pytest.mark.parametrize(
    "times",
    [
        pa.array([NOON.replace(tzinfo=None)], pa.timestamp("us")),
        pa.array([NOON], pa.timestamp("ns", tz="UTC")),
        pa.array([NOON], pa.timestamp("ms", tz="Asia/Shanghai")),
        pa.array(["2024-03-01T13:00:00+01:00"]),
        pa.array(["2024-03-01T12:00:00Z"]).dictionary_encode(),
    ],
)
def test_times_of_every_arrow_type_mean_the_same_moment(
    settings: Settings, tmp_path: Path, times: pa.Array
) -> None:
    ingest_path(settings, write(tmp_path / "a.parquet", columns(1, occurred_at=times)), "events")
    assert [row["occurred_at"] for row in raw_rows(settings)] == [NOON.replace(tzinfo=None)]


def test_other_types_that_mean_the_same(settings: Settings, tmp_path: Path) -> None:
    extra = {
        "value": pa.array([Decimal("1.50")]),
        "properties": ['{"a": 1}'],
        "dwell_ms": pa.array([7], pa.int16()),
        "user_id": pa.array(["u1"], pa.large_string()),
        "day": pa.array([date(2024, 3, 1)]),
        "rating": pa.array([None], pa.float64()),
    }
    report = ingest_path(settings, write(tmp_path / "a.parquet", columns(1, **extra)), "events")
    assert counts(report) == (1, 1, 0, 0)
    (row,) = raw_rows(settings)
    assert (row["value"], row["dwell_ms"], row["rating"]) == (1.5, 7, None)
    assert row["properties"] == '{"day":"2024-03-01T00:00:00Z","a":1}'


def test_faulty_rows_are_refused_one_by_one(settings: Settings, tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.parquet",
        columns(
            4,
            value=[1.0, float("nan"), float("inf"), None],
            user_id=pa.array([b"u", b"u", b"u", b"\xff"]).cast(pa.string(), safe=False),
        ),
    )
    report = ingest_path(settings, path, "events")
    assert counts(report) == (4, 1, 0, 3)
    found = [(row["source_line"], row["reason"], row["byte_offset"]) for row in quarantined(settings)]
    assert found == [(2, "out_of_range", None), (3, "out_of_range", None), (4, "not_utf8", None)]
    assert '"e1"' in quarantined(settings)[0]["raw"]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_moments_beyond_python_cost_their_own_row(settings: Settings, tmp_path: Path, unit: str) -> None:
    beyond = pa.array([2**63 - 1, int(NOON.timestamp()) * {"ms": 10**3, "us": 10**6, "ns": 10**9}[unit]])
    path = write(tmp_path / "a.parquet", columns(2, occurred_at=beyond.cast(pa.timestamp(unit))))
    report = ingest_path(settings, path, "events")
    assert (counts(report), report.reasons) == ((2, 1, 0, 1), {"bad_timestamp": 1})
    assert [row["occurred_at"] for row in raw_rows(settings)] == [NOON.replace(tzinfo=None)]


def test_moments_that_would_wrap_around_to_a_plausible_one(settings: Settings, tmp_path: Path) -> None:
    """Multiplied by 1,000 without a check, these milliseconds overflow 64 bits to noon of 1 March 2024."""
    wrapping = (int(NOON.timestamp()) * 10**6 + 125 * 2**64) // 1000
    times = pa.array([wrapping], pa.timestamp("ms"))
    report = ingest_path(settings, write(tmp_path / "a.parquet", columns(1, occurred_at=times)), "events")
    assert report.reasons == {"bad_timestamp": 1}


def test_uuids_are_identifiers(settings: Settings, tmp_path: Path) -> None:
    given = UUID(int=7)
    path = write(tmp_path / "a.parquet", columns(1, event_id=pa.array([given.bytes], pa.uuid())))
    assert ingest_path(settings, path, "events").accepted == 1
    assert raw_rows(settings)[0]["event_id"] == str(given)


def test_fractions_are_no_whole_numbers_in_parquet_either(settings: Settings, tmp_path: Path) -> None:
    report = ingest_path(settings, write(tmp_path / "a.parquet", columns(2, dwell_ms=[1.7, 2.0])), "events")
    assert report.reasons == {"wrong_type": 2}


@pytest.mark.parametrize("damage", ["cut", "flipped", "not parquet", "empty"])
def test_a_corrupt_parquet_is_one_refused_row(settings: Settings, tmp_path: Path, damage: str) -> None:
    path = write(tmp_path / "a.parquet", columns(2000))
    data = bytearray(path.read_bytes())
    if damage == "flipped":
        data[10:60] = b"\xff" * 50
    path.write_bytes({"cut": data[:-9], "flipped": data, "not parquet": b"PAR?", "empty": b""}[damage])
    report = ingest_path(settings, path, "events")
    assert counts(report) == (1, 0, 0, 1)
    assert report.reasons == {"corrupt_parquet": 1}


def test_mapping_renames_fills_in_and_converts(settings: Settings, tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(
        "[columns]\nid = 'event_id'\nuid = 'user_id'\nts = 'occurred_at'\nact = 'event_type'\n"
        "[constants]\nsurface = 'feed'\n[epochs]\noccurred_at = 'ms'\n[text]\nuser_id = true\n"
    )
    rows = [
        {"id": "e1", "uid": 7, "ts": int(NOON.timestamp() * 1000), "act": "click", "extra": 1},
        {"id": "e2", "uid": 7, "ts": "soon", "act": "click"},
        {"id": "e3", "uid": 7, "ts": 1e300, "act": "click", "surface": "home"},
    ]
    report = ingest_path(settings, put(tmp_path / "a.jsonl", as_lines(rows)), "events", mapping=mapping)
    assert counts(report) == (3, 1, 0, 2)
    assert report.reasons == {"bad_timestamp": 2}
    (row,) = raw_rows(settings)
    assert (row["user_id"], row["surface"], row["occurred_at"]) == ("7", "feed", NOON.replace(tzinfo=None))
    assert row["properties"] == '{"extra":1}'


def test_a_file_refused_whole_can_be_landed_with_a_mapping(settings: Settings, tmp_path: Path) -> None:
    path = put(
        tmp_path / "a.jsonl",
        as_lines([{"id": "e1"} | {k: v for k, v in event(1).items() if k != "event_id"}]),
    )
    assert ingest_path(settings, path, "events").quarantined == 1
    mapping = tmp_path / "mapping.json"
    mapping.write_text('{"columns": {"id": "event_id"}}')
    assert ingest_path(settings, path, "events", mapping=mapping).accepted == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[columns]\nid = 'event'", "contract column"),
        ("[colums]\nid = 'event_id'", "table"),
        ("[epochs]\noccurred_at = 'days'", "unit"),
        ("[constants]\nhue = 1", "contract column"),
        ("columns = 1", "tables"),
        ("[columns", "parse"),
        ("[columns]\nid = ['event_id']", "contract column"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused(
    settings: Settings, tmp_path: Path, text: str, says: str
) -> None:
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(text)
    with pytest.raises(UsageError, match=says):
        ingest_path(settings, put(tmp_path / "a.jsonl", b""), "events", mapping=mapping)
    with pytest.raises(MissingInputError):
        ingest_path(settings, tmp_path / "a.jsonl", "events", mapping=tmp_path / "none.toml")
