"""The generated log is what landing would have written of the same lines, and has the shape that it promises."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from revealed import durable
from revealed.benchmarks.scale import SIZES
from revealed.benchmarks.scale.raw_log import write_raw_log
from revealed.benchmarks.scale.raw_sql import RawSql
from revealed.contracts import LOGS
from revealed.landing import LedgerEntry, ingest_path, read_ledger
from revealed.settings import Settings

SIZE = replace(SIZES["tiny"], requests=4_000, events=8_000, users=600)


def settings_at(home: Path) -> Settings:
    return Settings.from_env({"REVEALED_HOME": str(home)})


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, list[LedgerEntry]]:
    settings = settings_at(tmp_path_factory.mktemp("generated"))
    days = write_raw_log(settings, SIZE)
    return settings, [entry for day in days for entry in day]


def rows_of(settings: Settings, entry: LedgerEntry) -> list[dict[str, Any]]:
    """The raw rows of one source file, by line."""
    if not entry.outputs:
        return []
    files = [str(settings.raw / output.path) for output in entry.outputs]
    table = duckdb.sql(
        f"from read_parquet({files}, hive_partitioning = false) order by source_line"
    ).to_arrow_table()
    return list(table.to_pylist())


def as_line(log: str, row: dict[str, Any]) -> bytes:
    """The line that a collector would have sent for a raw row."""

    def sent(value: Any) -> Any:
        return f"{value.isoformat()}Z" if isinstance(value, datetime | date) else value

    fields = {name: sent(row[name]) for name in LOGS[log].fields if row[name] is not None}
    for name in ("properties", "context", "attributes"):
        if name in fields:
            fields[name] = json.loads(fields[name])
    return json.dumps(fields).encode() + b"\n"


def test_landing_the_same_lines_gives_the_same_raw(
    generated: tuple[Settings, list[LedgerEntry]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract, accounting, days and columns: the generator's shortcut round landing changes nothing."""
    monkeypatch.setattr(durable, "fsync_file", lambda path: None)
    monkeypatch.setattr(durable, "fsync_directory", lambda folder: None)
    settings, entries = generated
    landed = settings_at(tmp_path / "landed")
    for entry in entries:
        path = tmp_path / entry.name
        rows = rows_of(settings, entry)
        path.write_bytes(b"".join(as_line(entry.log, row) for row in rows))
        ingest_path(landed, path, entry.log)
    assert len(read_ledger(landed)) == len(entries)
    by_name = {entry.name: entry for entry in read_ledger(landed)}
    for entry in entries:
        real = by_name[entry.name]
        for name in (
            "received",
            "accepted",
            "duplicate",
            "quarantined",
            "days",
            "first_received_at",
            "last_received_at",
        ):
            assert getattr(real, name) == getattr(entry, name), (entry.name, name)
        assert set(entry.touched_days) == set(real.touched_days)
        sources = ({**row, "source_file": ""} for row in rows_of(settings, entry))
        assert list(sources) == [{**row, "source_file": ""} for row in rows_of(landed, real)]
    assert sum(entry.duplicate for entry in entries) > 40


def test_each_file_is_received_on_its_day_and_late_lines_are_in_it(
    generated: tuple[Settings, list[LedgerEntry]],
) -> None:
    settings, entries = generated
    for entry in entries:
        if entry.log in ("events", "inferences"):
            received = {row["received_at"].date() for row in rows_of(settings, entry)}
            assert received == {SIZE.start.date().replace(day=int(entry.name[-8:-6]) + 1)}
    early = [day for entry in entries for day in entry.days if entry.log == "events"]
    assert len(early) > 2 * SIZE.days, "no file has lines of earlier days"


def test_the_log_has_the_promised_shape(generated: tuple[Settings, list[LedgerEntry]]) -> None:
    settings, _ = generated
    con = duckdb.connect()
    for log in ("events", "inferences"):
        con.execute(f"create view {log} as from read_parquet('{settings.raw}/{log}/*/*.parquet')")
    late = con.sql(
        "select avg(cast(received_at - occurred_at < interval 5 minute as integer)),"
        " avg(cast(received_at - occurred_at < interval 1 day as integer)) from events"
    ).fetchone()
    assert late == (pytest.approx(0.95, abs=0.02), pytest.approx(0.99, abs=0.01))
    named, bought, bots = con.sql(
        "select avg(cast(request_id is not null as integer)),"
        " avg(cast(request_id is not null as integer)) filter (where event_type = 'purchase'),"
        " count(*) filter (where user_agent like '%bot%') from events"
    ).fetchone()
    assert named == pytest.approx(0.67, abs=0.03)
    assert bought < 0.3
    assert bots > 0
    purchases, returns = con.sql(
        "select count(*) filter (where event_type = 'purchase'), count(*) filter (where event_type = 'return') from events"
    ).fetchone()
    assert 0.01 < returns / purchases < 0.06
    shown = con.sql("select avg(len(items)) from inferences").fetchone()
    assert shown == (pytest.approx(10, abs=0.3),)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(
    generated: tuple[Settings, list[LedgerEntry]], tmp_path: Path
) -> None:
    def digests(entries: list[LedgerEntry]) -> list[str]:
        return [output.sha256 for entry in entries for output in entry.outputs]

    again = [entry for day in write_raw_log(settings_at(tmp_path / "again"), SIZE) for entry in day]
    other = [entry for day in write_raw_log(settings_at(tmp_path / "other"), SIZE, seed=8) for entry in day]
    assert digests(again) == digests(generated[1])
    assert set(digests(other)).isdisjoint(digests(again))


def test_values_of_one_row_are_independent() -> None:
    """DuckDB's hash of (key, salt) correlates across salts; the generator hashes twice."""
    con = duckdb.connect()
    for statement in RawSql(SIZE, 7).macros:
        con.execute(statement)
    salts = (2, 3, 5, 20, 21, 22, 23, 33)
    columns = ", ".join(f"u(n, {salt})" for salt in salts)
    values = np.array(con.execute(f"select {columns} from range(20000) as numbers (n)").fetchall())
    assert np.abs(values.mean(axis=0) - 0.5).max() < 0.01
    assert np.abs(values.var(axis=0) - 1 / 12).max() < 0.003
    for one, other in combinations(range(len(salts)), 2):
        assert abs(np.corrcoef(values[:, one], values[:, other])[0, 1]) < 0.03
