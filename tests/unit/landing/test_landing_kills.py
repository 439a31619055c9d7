"""A kill at any point leaves nothing half-done, and running again gives what an undisturbed run gives."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from landing_files import as_lines, content, event, put, raw_rows

from revealed import durable
from revealed.faults import LANDING_POINTS
from revealed.landing import ingest_path, read_ledger
from revealed.settings import Settings

CODE = (
    "import sys; from pathlib import Path; from revealed.settings import Settings;"
    "from revealed.landing import ingest_path; home = Path(sys.argv[1]);"
    "ingest_path(Settings(home=home, project_root=home), Path(sys.argv[2]), 'events')"
)


@pytest.mark.parametrize("point", LANDING_POINTS)
def test_kill_and_run_again(settings: Settings, tmp_path: Path, point: str) -> None:
    rows = [*(event(number, 1 + number % 3) for number in range(20)), b"{", event(3, 1)]
    folder = put(tmp_path / "in" / "a.jsonl", as_lines(rows)).parent
    put(folder / "b.jsonl", as_lines([event(4, 9), event(99, 9)]))
    clean = replace(settings, home=tmp_path / "clean")
    ingest_path(clean, folder, "events")

    command = [sys.executable, "-c", CODE, str(settings.home), str(folder)]
    killed = subprocess.run(command, env={**os.environ, "REVEALED_FAULT": point}, check=False)
    assert killed.returncode == 137
    landed = [entry.name for entry in read_ledger(settings)]
    assert landed == (["a.jsonl"] if point == "after_ledger" else [])

    ingest_path(settings, folder, "events")
    assert content(settings) == content(clean)
    assert raw_rows(settings) == raw_rows(clean)
    assert not (settings.raw / ".staging").exists()


def test_everything_is_on_disk_before_the_commit(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a power cut may not undo: file contents and names first, the ledger entry last."""
    calls: list[tuple[str, str]] = []
    monkeypatch.setattr(durable, "fsync_file", lambda path: calls.append(("file", path.name)))
    monkeypatch.setattr(durable, "fsync_directory", lambda folder: calls.append(("folder", folder.name)))
    ingest_path(settings, put(tmp_path / "a.jsonl", as_lines([event(1, 1), event(2, 2), b"{"])), "events")
    (entry,) = read_ledger(settings)
    commit = next(index for index, (_, name) in enumerate(calls) if entry.sha256 in name)
    before = calls[:commit]
    assert before.count(("file", f"{entry.source_file}.parquet")) == 3
    for folder in ("event_date=2024-03-01", "event_date=2024-03-02", "events", "quarantine", "raw"):
        assert ("folder", folder) in before
    assert calls[-1] == ("folder", "ledger")


def test_lines_that_do_not_add_up_are_not_committed(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard itself: a landing that loses a row must refuse to commit."""
    from revealed.errors import DamagedFileError
    from revealed.landing import staged_source

    original = staged_source.table_of
    monkeypatch.setattr(staged_source, "table_of", lambda *arguments: original(*arguments).slice(1))
    with pytest.raises(DamagedFileError, match="do not make as many"):
        ingest_path(settings, put(tmp_path / "a.jsonl", as_lines([event(1), event(2)])), "events")
    assert read_ledger(settings) == []
    assert not list(settings.raw.rglob("*.parquet"))
