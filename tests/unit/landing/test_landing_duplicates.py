"""A repeated event counts once, wherever and whenever its copies arrive, and no order of files matters."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from landing_files import as_lines, content, counts, event, put, raw_rows

from revealed.errors import DamagedFileError
from revealed.landing import ingest_path, read_ledger
from revealed.landing import partitions as partitions_module
from revealed.settings import Settings


def entry_named(settings: Settings, name: str) -> object:
    return next(entry for entry in read_ledger(settings) if entry.name == name)


def test_duplicates_in_a_file_across_files_and_across_days(settings: Settings, tmp_path: Path) -> None:
    first = put(tmp_path / "a.jsonl", as_lines([event(1, 1), event(2, 1), event(1, 1), event(1, 2)]))
    second = put(tmp_path / "b.jsonl", as_lines([event(2, 5), event(3, 4), event(3, 4)]))
    assert counts(ingest_path(settings, first, "events")) == (4, 2, 2, 0)
    assert counts(ingest_path(settings, second, "events")) == (3, 1, 2, 0)
    a, b = read_ledger(settings)
    assert a.touched_days == ["2024-03-01", "2024-03-02"]
    assert b.days == {"2024-03-04": 2, "2024-03-05": 1}
    assert b.touched_days == ["2024-03-01", "2024-03-04", "2024-03-05"], "the day of e2's earlier copy too"
    assert len(raw_rows(settings)) == 7, "raw keeps every copy: dbt decides which counts"


def test_duplicates_are_found_across_processes_as_within_one(settings: Settings, tmp_path: Path) -> None:
    """One run over three files, and three runs of one file, come to the same."""
    files = {
        f"{number}.jsonl": as_lines(event(key, number + 1) for key in range(number, number + 4))
        for number in range(3)
    }
    for name, text in files.items():
        put(tmp_path / "in" / name, text)
    ingest_path(settings, tmp_path / "in", "events")
    other = replace(settings, home=tmp_path / "other")
    for name in files:
        ingest_path(other, tmp_path / "in" / name, "events")
    assert content(settings) == content(other)
    assert [entry.accepted for entry in read_ledger(settings)] == [4, 1, 1]


def test_same_bytes_under_another_name_add_nothing(settings: Settings, tmp_path: Path) -> None:
    text = as_lines([event(1), event(2)])
    ingest_path(settings, put(tmp_path / "a.jsonl", text), "events")
    before = content(settings)
    again = ingest_path(settings, put(tmp_path / "b.jsonl", text), "events")
    assert (again.already_landed, counts(again)) == (1, (0, 0, 0, 0))
    assert content(settings) == before


def test_same_name_with_other_bytes_is_another_file(settings: Settings, tmp_path: Path) -> None:
    ingest_path(settings, put(tmp_path / "a.jsonl", as_lines([event(1)])), "events")
    report = ingest_path(settings, put(tmp_path / "a.jsonl", as_lines([event(1), event(2)])), "events")
    assert counts(report) == (2, 1, 1, 0)


def test_late_lines_go_to_their_own_day_and_touch_it(settings: Settings, tmp_path: Path) -> None:
    late = as_lines([event(1, 20), event(2, 3), event(3, 20)])
    ingest_path(settings, put(tmp_path / "a.jsonl", late), "events")
    (entry,) = read_ledger(settings)
    assert entry.days == {"2024-03-03": 1, "2024-03-20": 2}
    assert [output.path.split("/")[1] for output in entry.outputs] == [
        "event_date=2024-03-03", "event_date=2024-03-20",
    ]  # fmt: skip
    assert [row["source_line"] for row in raw_rows(settings)] == [2, 1, 3]


def test_catalogue_versions_are_keyed_by_time(settings: Settings, tmp_path: Path) -> None:
    row = {"item_id": "i1", "updated_at": "2024-03-01T00:00:00Z"}
    rows = [
        row,
        row | {"updated_at": "2024-03-01T02:00:00+02:00"},
        row | {"updated_at": "2024-03-02T00:00:00Z"},
    ]
    report = ingest_path(settings, put(tmp_path / "a.jsonl", as_lines(rows)), "items")
    assert counts(report) == (3, 2, 1, 0), "the same moment in another zone is the same version"


def test_the_order_of_files_changes_no_raw_content(settings: Settings, tmp_path: Path) -> None:
    texts = [
        as_lines([event(1, 1), event(2, 2)]),
        as_lines([event(2, 3), b"{"]),
        as_lines([event(1, 1, rating=1)]),
    ]
    seen = set()
    for order in itertools.permutations(range(3)):
        home = replace(settings, home=tmp_path / "".join(map(str, order)))
        for number in order:
            ingest_path(home, put(tmp_path / f"{number}.jsonl", texts[number]), "events")
        entries = read_ledger(home)
        outputs = sorted((o.path, o.sha256) for entry in entries for o in entry.outputs)
        held = sorted((entry.quarantine_output.sha256) for entry in entries if entry.quarantine_output)
        seen.add((tuple(outputs), tuple(held), sum(entry.accepted for entry in entries)))
    assert len(seen) == 1


def test_days_that_do_not_fit_memory_give_the_same_rows(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = as_lines(event(number, 1 + number % 5, query="q" * 500) for number in range(6000))
    path = put(tmp_path / "a.jsonl", lines)
    ingest_path(settings, path, "events")
    other = replace(settings, home=tmp_path / "other")
    monkeypatch.setattr(partitions_module, "_BUFFERED_ROWS", 1)
    monkeypatch.setattr("revealed.landing.staged_source._TABLE_ROWS", 100)
    ingest_path(other, path, "events")
    assert raw_rows(other) == raw_rows(settings)
    assert len(raw_rows(other)) == 6000


def test_a_raw_file_that_went_missing_is_named(settings: Settings, tmp_path: Path) -> None:
    ingest_path(settings, put(tmp_path / "a.jsonl", as_lines([event(1)])), "events")
    for path in (settings.raw / "events").rglob("*.parquet"):
        path.unlink()
    with pytest.raises(DamagedFileError, match="ledger"):
        ingest_path(settings, put(tmp_path / "b.jsonl", as_lines([event(2)])), "events")
