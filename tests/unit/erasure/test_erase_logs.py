"""Erasing from the logs leaves what logs that never had the person would have given, and every line accounted for."""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from logs_with_people import (
    ID,
    OTHER,
    SHARED,
    VISITOR,
    child,
    erase_logs,
    event,
    put,
    quarantined,
    raw_rows,
    sums,
    write_logs,
)

from revealed.durable import sha256_file
from revealed.erasure.identity import find_person
from revealed.erasure.needles import Needles
from revealed.erasure.raw import count_raw, erase_raw, remove_unlisted
from revealed.erasure.search import search_home
from revealed.erasure.sources import erase_sources
from revealed.erasure.tombstones import bury
from revealed.landing import ingest_landing, ingest_path, read_ledger
from revealed.progress import quiet
from revealed.settings import Settings

IDS = frozenset({ID, VISITOR})
NEEDLES = Needles(IDS, frozenset({OTHER}))
LOG_POINTS = ("erasure_source_replaced", "erasure_raw_staged", "erasure_raw_committed", "erasure_raw_done")
ERASE = "from logs_with_people import erase_logs\nerase_logs(settings)\n"


@pytest.fixture
def landed(settings: Settings) -> Settings:
    write_logs(settings)
    ingest_landing(settings)
    return settings


@pytest.fixture
def never(tmp_path: Path) -> Settings:
    """A home into which the person never came."""
    settings = Settings(home=tmp_path / "never", project_root=tmp_path, landing_grace_seconds=0.0)
    write_logs(settings, with_person=False)
    ingest_landing(settings)
    return settings


def test_the_person_is_the_user_and_the_visitors_that_nobody_else_was(landed: Settings) -> None:
    person = find_person(landed, ID)
    assert person.needles == NEEDLES
    assert (person.is_known, person.shared_visitors) == (True, 1)
    assert not find_person(landed, "user-003").is_known


def test_lines_that_wait_say_who_somebody_is_too(settings: Settings) -> None:
    put(settings.landing / "events" / "a.jsonl", json.dumps(event(1, ID, VISITOR)).encode())
    put(settings.gateway / "open" / "events-x.jsonl.open", json.dumps(event(2, ID, "anon-77")).encode())
    assert find_person(settings, ID).needles.ids == {ID, VISITOR, "anon-77"}


def test_raw_is_what_logs_without_the_person_give(landed: Settings, never: Settings) -> None:
    before = sums(landed)
    assert search_home(landed, NEEDLES)
    erase_logs(landed)
    assert search_home(landed, NEEDLES) == []
    assert quarantined(landed) == quarantined(never)
    # Rows of Parquet keep their numbers in raw; a file that never had the person numbers them anew.
    strip = [{k: v for k, v in row.items() if k != "source_line"} for row in raw_rows(landed)]
    assert strip == [{k: v for k, v in row.items() if k != "source_line"} for row in raw_rows(never)]
    after = sums(landed)
    assert after["received"] == before["received"]
    assert after["erased"] == before["received"] - sums(never)["received"] > 0
    assert {n: c for n, c in after.items() if n not in ("received", "erased")} == {
        n: c for n, c in sums(never).items() if n not in ("received", "erased")
    }


def test_the_ledger_is_true_of_every_file(landed: Settings) -> None:
    erase_logs(landed)
    for entry in read_ledger(landed):
        assert entry.received == entry.accounted
        assert entry.kept == sum(entry.days.values()) == sum(output.rows for output in entry.outputs)
        assert sum(entry.reasons.values()) == entry.quarantined
        outputs = [*entry.outputs, *([entry.quarantine_output] if entry.quarantine_output else [])]
        for output in outputs:
            assert sha256_file(landed.raw / output.path) == output.sha256
    assert remove_unlisted(landed) == []


def test_counting_before_changes_nothing_and_tells_the_same(landed: Settings) -> None:
    before = {path: path.read_bytes() for path in landed.home.rglob("*") if path.is_file()}
    found = count_raw(landed, find_person(landed, ID).needles, quiet)
    assert {path: path.read_bytes() for path in landed.home.rglob("*") if path.is_file()} == before
    erase_logs(landed)
    assert found["rows_events"] + found["quarantined"] == sums(landed)["erased"]


def test_what_was_done_on_a_shared_device_stays(landed: Settings) -> None:
    erase_logs(landed)
    kept = [row for row in raw_rows(landed) if row["anonymous_id"] == SHARED]
    assert {row["user_id"] for row in kept} == {"user-0002", None}


def test_sources_keep_their_length_and_land_no_second_time(landed: Settings) -> None:
    source = landed.landing / "events" / "a.jsonl"
    size = source.stat().st_size
    erase_logs(landed)
    assert source.stat().st_size == size
    report = ingest_landing(landed)
    assert (report.files, report.already_landed) == (0, 3)


def test_a_file_that_is_named_after_the_person_is_renamed(settings: Settings) -> None:
    put(settings.landing / "events" / f"export-{ID}.jsonl", json.dumps(event(1, ID)).encode())
    ingest_landing(settings)
    erase_logs(settings)
    assert [path.name for path in (settings.landing / "events").iterdir()] == ["export-xxxxxxxxx.jsonl"]
    assert search_home(settings, NEEDLES) == []


def test_somebody_elses_mention_of_the_person_becomes_stars(settings: Settings) -> None:
    rows = [
        event(1, ID),
        event(2, "user-0001", query=f"find {ID}", properties={"friend": ID}),
        event(3, OTHER, query=OTHER),
    ]
    put(settings.landing / "events" / "a.jsonl", b"\n".join(json.dumps(row).encode() for row in rows))
    ingest_landing(settings)
    erase_logs(settings)
    assert search_home(settings, NEEDLES) == []
    first, second = raw_rows(settings)
    assert (first["query"], json.loads(first["properties"])) == ("find *********", {"friend": "*********"})
    assert second["query"] == OTHER


def test_a_number_for_an_id_takes_only_its_own_lines(settings: Settings) -> None:
    rows = [event(n, str(n % 3), position=7) for n in range(30)]
    put(settings.landing / "events" / "a.jsonl", b"\n".join(json.dumps(row).encode() for row in rows))
    ingest_landing(settings)
    needles = find_person(settings, "2").needles
    erase_sources(settings, needles, bury(settings, needles.ids), quiet)
    erase_raw(settings, needles, quiet)
    assert {row["user_id"] for row in raw_rows(settings)} == {"0", "1"}
    assert {row["position"] for row in raw_rows(settings)} == {7}
    assert sums(settings)["erased"] == 10


def test_an_open_segment_of_the_gateway_is_blanked_where_it_stands(settings: Settings) -> None:
    lines = [json.dumps(event(n, ID if n == 1 else "user-0001")).encode() for n in range(3)]
    segment = put(settings.gateway / "open" / "events-x.jsonl.open", b"\n".join(lines) + b"\n")
    inode, size = segment.stat().st_ino, segment.stat().st_size
    writer = os.open(segment, os.O_WRONLY | os.O_APPEND)
    erase_logs(settings)
    os.write(writer, lines[0] + b"\n")
    os.close(writer)
    assert segment.stat().st_ino == inode
    data = segment.read_bytes()
    assert len(data) == size + len(lines[0]) + 1
    assert data.splitlines() == [lines[0], b" " * len(lines[1]), lines[2], lines[0]]


@pytest.mark.parametrize("point", LOG_POINTS)
def test_a_kill_anywhere_is_made_good_by_doing_it_again(
    landed: Settings, never: Settings, point: str
) -> None:
    bury(landed, IDS)
    done = child(landed, ERASE, fault=point)
    assert done.returncode == 137, done.stderr
    assert all(entry.received == entry.accounted for entry in read_ledger(landed))
    # Raw may no longer say which visitors were the person's: an erasure keeps the ids until it is done.
    erase_sources(landed, NEEDLES, bury(landed, IDS), quiet)
    erase_raw(landed, NEEDLES, quiet)
    assert search_home(landed, NEEDLES) == []
    assert sums(landed)["accepted"] == sums(never)["accepted"]
    assert sums(landed)["duplicate"] == sums(never)["duplicate"]
    assert [row["event_id"] for row in raw_rows(landed)] == [row["event_id"] for row in raw_rows(never)]
    assert remove_unlisted(landed) == []
    assert ingest_landing(landed).received == 0


def test_lines_of_an_erased_person_are_dropped_on_arrival_and_leave_no_byte(
    settings: Settings, never: Settings
) -> None:
    bury(settings, IDS)
    write_logs(settings)
    report = ingest_landing(settings)
    assert report.erased > 0
    assert report.received == report.accepted + report.duplicate + report.quarantined + report.erased
    assert quarantined(settings) == quarantined(never)
    assert [row["event_id"] for row in raw_rows(settings)] == [row["event_id"] for row in raw_rows(never)]
    assert search_home(settings, NEEDLES) == []
    again = ingest_landing(settings)
    assert (again.files, again.already_landed) == (0, 3)


def test_the_old_files_put_back_add_nothing_and_leave_no_byte(landed: Settings, tmp_path: Path) -> None:
    old = {path: path.read_bytes() for path in (landed.landing / "events").iterdir()}
    erase_logs(landed)
    before = raw_rows(landed)
    for path, data in old.items():
        put(path, data)
    put(landed.landing / "events" / "renamed.jsonl", old[landed.landing / "events" / "a.jsonl"])
    report = ingest_landing(landed)
    assert (report.files, report.already_landed) == (0, 4)
    assert raw_rows(landed) == before
    assert search_home(landed, NEEDLES) == []


def test_a_file_that_is_not_ours_is_never_written_to(settings: Settings, tmp_path: Path) -> None:
    bury(settings, IDS)
    data = gzip.compress(json.dumps(event(1, ID)).encode(), mtime=0)
    outside = put(tmp_path / "outside.ndjson.gz", data)
    report = ingest_path(settings, outside, "events")
    assert (report.received, report.erased) == (1, 1)
    assert outside.read_bytes() == data


def test_without_tombstones_landing_writes_what_it_always_wrote(settings: Settings, tmp_path: Path) -> None:
    other = replace(settings, home=tmp_path / "other")
    for home in (settings, other):
        write_logs(home)
    bury(other, ["somebody else"])
    reports = [ingest_landing(home).to_dict() for home in (settings, other)]
    assert reports[0] == reports[1]
    assert reports[0]["erased"] == 0
    entries = [[entry.outputs for entry in read_ledger(home)] for home in (settings, other)]
    assert entries[0] == entries[1]
