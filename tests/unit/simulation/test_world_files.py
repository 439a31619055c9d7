"""The files of a demo world: the same bytes again, every kind of dirt in the known number, and no truth inside."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from revealed.durable import sha256_file
from revealed.errors import UsageError
from revealed.landing import ingest_landing, read_ledger
from revealed.settings import Settings
from revealed.simulation import WorldConfig, simulate

REASON_OF = {
    "broken_json": "malformed_json",
    "not_an_object": "not_an_object",
    "wrong_type": "wrong_type",
    "fraction_for_integer": "wrong_type",
    "not_a_number": "malformed_json",
    "infinite": "malformed_json",
    "missing_field": "missing_field",
    "unknown_type": "unknown_event_type",
    "bad_timestamp": "bad_timestamp",
    "no_actor": "no_identity",
    "out_of_range": "out_of_range",
    "not_utf8": "not_utf8",
    "oversize": "line_too_long",
    "no_items": "missing_field",
    "propensity_out_of_range": "out_of_range",
    "position_gap": "positions_not_contiguous",
}
COPIES = ("repeated_in_file", "resent_next_day", "retried")


def digests(home: Path) -> dict[str, str]:
    return {str(p.relative_to(home)): sha256_file(p) for p in sorted(home.rglob("*")) if p.is_file()}


def read_lines(path: Path) -> list[bytes]:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines()


def test_the_same_config_gives_the_same_bytes_and_another_seed_others(
    tiny_home: Path, tmp_path: Path
) -> None:
    simulate(tmp_path / "again" / "landing", WorldConfig.tiny())
    simulate(tmp_path / "other" / "landing", replace(WorldConfig.tiny(), seed=8))
    assert digests(tmp_path / "again") == digests(tiny_home)
    other = digests(tmp_path / "other")
    same = {name for name, digest in digests(tiny_home).items() if other.get(name) == digest}
    assert same == {"simulation/truth/examination.parquet"}


def test_writing_a_world_over_itself_changes_nothing_and_another_one_is_refused(tmp_path: Path) -> None:
    simulate(tmp_path / "landing", WorldConfig.tiny())
    before = digests(tmp_path)
    simulate(tmp_path / "landing", WorldConfig.tiny())
    with pytest.raises(UsageError, match="another simulated world"):
        simulate(tmp_path / "landing", replace(WorldConfig.tiny(), days=7))
    assert digests(tmp_path) == before


@pytest.mark.parametrize(
    "impossible",
    [
        {"items": 19}, {"days": 1}, {"users": 1}, {"seed": -1}, {"bots": -1}, {"mean_activity": 1.0},
        {"mean_activity": 0.0}, {"late_rate": 1.5}, {"malformed_rate": -0.1},
    ],
)  # fmt: skip
def test_worlds_that_cannot_be_are_refused(impossible: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        replace(WorldConfig.tiny(), **impossible)


def test_a_world_without_dirt_is_clean(tmp_path: Path) -> None:
    clean = replace(WorldConfig.tiny(), users=10, late_rate=0.0, duplicate_rate=0.0, malformed_rate=0.0)
    settings = Settings.from_env({"REVEALED_HOME": str(tmp_path)})
    written = simulate(settings, clean)
    found = ingest_landing(settings)
    assert written.late == found.duplicate == found.quarantined == 0
    assert found.accepted == found.received == sum(written.lines.values())


def test_settings_name_the_landing_folder(tiny_home: Path, tmp_path: Path) -> None:
    report = simulate(Settings.from_env({"REVEALED_HOME": str(tmp_path)}), WorldConfig.tiny())
    assert digests(tmp_path) == digests(tiny_home)
    assert Path(report.landing) == tmp_path / "landing"
    assert json.loads(json.dumps(report.to_dict()))["lines"].keys() == {
        "events",
        "inferences",
        "items",
        "users",
    }


def test_landing_holds_the_four_logs_in_every_format_and_none_of_the_truth(tiny_home: Path) -> None:
    landing = tiny_home / "landing"
    assert {path.name for path in landing.iterdir()} == {"events", "inferences", "items", "users"}
    suffixes = {"".join(path.suffixes) for path in landing.rglob("*") if path.is_file()}
    assert suffixes == {".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".parquet"}
    text = b"\n".join(line for path in landing.rglob("*.*json*") for line in read_lines(path))
    for word in (b"relevance", b"taste", b"theta", b"is_clickbait", b"is_bot", b"quality", b"cause"):
        assert word not in text


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, list[tuple[str, str, int]]]:
    home = tmp_path_factory.mktemp("landed")
    settings = Settings.from_env({"REVEALED_HOME": str(home)})
    simulate(settings, WorldConfig.tiny())
    ingest_landing(settings)
    dirt = duckdb.sql(f"select log, kind, lines from '{home}/simulation/truth/dirty.parquet'").fetchall()
    return settings, dirt


@pytest.mark.parametrize("log", ["events", "inferences", "items", "users"])
def test_landing_finds_exactly_the_planted_dirt(
    landed: tuple[Settings, list[tuple[str, str, int]]], log: str
) -> None:
    settings, dirt = landed
    planted = {kind: lines for name, kind, lines in dirt if name == log}
    entries = [entry for entry in read_ledger(settings) if entry.log == log]
    reasons: Counter[str] = Counter()
    for entry in entries:
        reasons.update(entry.reasons)
    expected: Counter[str] = Counter()
    for kind, lines in planted.items():
        if kind in REASON_OF:
            expected[REASON_OF[kind]] += lines
    assert reasons == expected
    assert sum(expected.values()) > 0
    assert sum(entry.accepted for entry in entries) == planted["original"]
    assert sum(entry.duplicate for entry in entries) == sum(planted[kind] for kind in COPIES)


def test_dirt_comes_in_every_kind(landed: tuple[Settings, list[tuple[str, str, int]]]) -> None:
    _, dirt = landed
    events = {kind: lines for log, kind, lines in dirt if log == "events"}
    assert events["oversize"] == 1
    assert min(events.values()) >= 1
    assert {kind for _, kind, _ in dirt} >= {*REASON_OF, *COPIES, "late", "original"}


def test_a_line_lies_in_the_file_of_the_day_it_was_received_on(medium_home: Path) -> None:
    """Lines resent the next day are the one exception; the truth counts them."""
    strangers = 0
    for path in (medium_home / "landing" / "events").glob("*.*json*"):
        day = path.name.removeprefix("events-")[:10]
        for line in read_lines(path):
            try:
                record = json.loads(line)
                received = record["received_at"]
            except (ValueError, KeyError, TypeError):
                continue
            strangers += received[:10] != day
            assert received[:10] <= day
    dirty = f"'{medium_home}/simulation/truth/dirty.parquet'"
    resent = duckdb.sql(
        f"select lines from {dirty} where log = 'events' and kind = 'resent_next_day'"
    ).fetchone()
    in_parquet = duckdb.sql(
        f"select count(*) from '{medium_home}/landing/events/*.parquet' where received_at < '2026-01-06'"
    ).fetchone()
    assert resent is not None
    assert in_parquet is not None
    assert strangers + in_parquet[0] == resent[0]
