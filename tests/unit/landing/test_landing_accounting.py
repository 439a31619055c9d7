"""Every line is accepted, a duplicate, or in quarantine with its reason: none is lost or invented."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from landing_files import as_lines, content, counts, event, inference, put, quarantined, raw_rows

from revealed.landing import ingest_landing, ingest_path, read_ledger
from revealed.settings import Settings


def test_dirty_file_keeps_its_faults_with_line_offset_and_text(settings: Settings, tmp_path: Path) -> None:
    rows: list[Any] = [
        event(1),
        b"{",
        event(2),
        b"\xff\xfe",
        b"",
        b"  ",
        event(1),
        event(3, event_type="clik"),
    ]
    rows += [b"x" * 70_000, event(4), event(5, dwell_ms=1.7)]
    content_ = as_lines(rows)
    report = ingest_path(settings, put(tmp_path / "a.jsonl", content_), "events")
    assert counts(report) == (9, 3, 1, 5)
    found = quarantined(settings)
    assert [(row["source_line"], row["reason"]) for row in found] == [
        (2, "malformed_json"),
        (4, "malformed_json"),
        (8, "unknown_event_type"),
        (9, "line_too_long"),
        (11, "wrong_type"),
    ]
    for row in found:
        original = content_[row["byte_offset"] :].split(b"\n")[0]
        assert row["raw"] == original.decode(errors="replace")[: len(row["raw"])]
        assert row["source_name"] == "a.jsonl"
        assert row["detail"]
    assert len(found[3]["raw"]) == 1024
    assert json.loads(found[2]["raw"])["event_type"] == "clik"
    assert [row["source_line"] for row in raw_rows(settings)] == [1, 3, 7, 10]
    assert report.reasons == {
        "malformed_json": 2, "unknown_event_type": 1, "line_too_long": 1, "wrong_type": 1,
    }  # fmt: skip


def test_empty_files_are_recorded_with_zeros(settings: Settings) -> None:
    for name in ("a.jsonl", "b.ndjson", "c.jsonl.gz"):
        path = put(settings.landing / "events" / name, b"")
        path.write_bytes(b"") if name.startswith("c") else None
        path.touch()
    report = ingest_landing(replace(settings, landing_grace_seconds=0))
    assert (report.files, report.already_landed) == (1, 2), "the same (no) bytes under three names"
    assert counts(report) == (0, 0, 0, 0)
    assert [entry.received for entry in read_ledger(settings)] == [0]


def test_blank_lines_only(settings: Settings, tmp_path: Path) -> None:
    report = ingest_path(settings, put(tmp_path / "a.jsonl", b"\n \r\n\n"), "events")
    assert counts(report) == (0, 0, 0, 0)


def test_windows_line_ends_are_fine(settings: Settings, tmp_path: Path) -> None:
    text = as_lines([event(1), event(2)]).replace(b"\n", b"\r\n")
    assert counts(ingest_path(settings, put(tmp_path / "a.jsonl", text), "events")) == (2, 2, 0, 0)


@pytest.mark.parametrize(("cut", "expected"), [(0, (2, 2, 0, 0)), (10, (2, 1, 0, 1))])
def test_last_line_without_newline(
    settings: Settings, tmp_path: Path, cut: int, expected: tuple[int, ...]
) -> None:
    text = as_lines([event(1), event(2)])[: -1 - cut]
    report = ingest_path(settings, put(tmp_path / "a.jsonl", text), "events")
    assert counts(report) == expected
    assert list(report.reasons) == (["truncated_last_line"] if cut else [])


def test_rows_in_raw_are_what_was_sent(settings: Settings, tmp_path: Path) -> None:
    sent = event(1, occurred_at="2024-03-02T00:30:00+02:00", value=1.5, properties={"a": [1]}, ab="x")
    ingest_path(settings, put(tmp_path / "a.jsonl", as_lines([sent])), "events")
    (row,) = raw_rows(settings)
    assert row["occurred_at"].isoformat() == "2024-03-01T22:30:00"
    assert row["received_at"] == row["occurred_at"], "the documented default"
    assert (row["value"], row["item_id"], row["position"]) == (1.5, "i1", None)
    assert json.loads(row["properties"]) == {"a": [1], "ab": "x"}
    (entry,) = read_ledger(settings)
    assert entry.days == {"2024-03-01": 1}, "the UTC day"
    assert row["source_file"] == entry.source_file
    assert (settings.raw / f"events/event_date=2024-03-01/{entry.source_file}.parquet").is_file()
    assert entry.first_received_at == "2024-03-01T22:30:00Z"


def test_nested_slates_survive(settings: Settings, tmp_path: Path) -> None:
    sent = [inference(number, shown=number) for number in (1, 4, 2)]
    ingest_path(settings, put(tmp_path / "a.jsonl.gz", as_lines(sent)), "inferences")
    rows = raw_rows(settings, "inferences")
    assert [row["items"] for row in rows] == [row["items"] for row in sent]
    assert rows[0]["user_embedding"] == [0.5, -1.25]
    assert json.loads(rows[0]["context"]) == {"hour": 12}


def test_items_and_users_without_a_version_stand_on_1970(settings: Settings, tmp_path: Path) -> None:
    items = [{"item_id": "i1"}, {"item_id": "i1", "updated_at": "2024-03-01T00:00:00Z"}, {"item_id": "i1"}]
    report = ingest_path(settings, put(tmp_path / "a.jsonl", as_lines(items)), "items")
    assert counts(report) == (3, 2, 1, 0), "an absent version equals an absent version"
    assert read_ledger(settings)[0].days == {"1970-01-01": 2, "2024-03-01": 1}


LINE = st.one_of(
    st.builds(event, st.integers(0, 8), st.integers(1, 3)).map(lambda row: json.dumps(row).encode()),
    st.sampled_from([b"{", b"[]", b"\xff", b"", b" ", b'{"event_id": 1}', b"null", b'{"a":"\\u0000"}']),
    st.binary(max_size=12).map(lambda text: text.replace(b"\n", b"")),
)


@examples(max_examples=25, deadline=None)
@given(st.lists(st.lists(LINE, max_size=12), min_size=1, max_size=3), st.booleans())
def test_the_equation_holds_for_any_mix(files: list[list[bytes]], is_terminated: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Settings(home=Path(folder), project_root=Path(folder))
        keys: set[str] = set()
        for number, lines in enumerate(files):
            text = b"\n".join(lines) + (b"\n" if is_terminated else b"")
            ingest_path(home, put(Path(folder) / "in" / f"{number}.jsonl", text), "events")
        for entry in read_ledger(home):
            assert entry.received == entry.accepted + entry.duplicate + entry.quarantined
        rows = raw_rows(home)
        keys = {row["event_id"] for row in rows}
        assert sum(entry.accepted for entry in read_ledger(home)) == len(keys)
        assert sum(entry.kept for entry in read_ledger(home)) == len(rows)
        distinct = {b"\n".join(lines) for lines in files}
        sent = sum(1 for text in distinct for line in text.split(b"\n") if line.strip())
        assert sum(entry.received for entry in read_ledger(home)) == sent


def test_second_run_changes_nothing(settings: Settings) -> None:
    put(settings.landing / "events" / "a.jsonl", as_lines([event(1), b"{"]))
    put(settings.landing / "users" / "u.jsonl", as_lines([{"user_id": "u1"}]))
    first = ingest_landing(settings)
    before = content(settings)
    again = ingest_landing(settings)
    assert counts(first) == (3, 2, 0, 1)
    assert (again.files, again.already_landed, counts(again)) == (0, 2, (0, 0, 0, 0))
    assert content(settings) == before
