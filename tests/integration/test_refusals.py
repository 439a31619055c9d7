"""Bad input at the command line: told what, where and what to do, its own exit code, nothing lost, nothing half-written."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import pytest
from home_contents import assert_whole, ledger, set_aside
from shell import refusal, result, revealed, revealed_here

from revealed.contracts import MAX_LINE_BYTES

pytestmark = [pytest.mark.integration]

GOOD = '{"event_id":"e%d","event_type":"click","occurred_at":"2026-01-01T10:00:00Z","user_id":"ü1","item_id":"i1"}'


def bad(tail: str = "", *, kind: str = '"click"') -> str:
    head = f'{{"event_id":"bad","event_type":{kind},"occurred_at":"2026-01-01T10:00:00Z","user_id":"ü1"'
    return f"{head}{tail}}}"


# what is wrong -> the line, and the reason under which it is set aside
BAD_LINES = {
    "malformed": ('{"event_id":"bad","event_type":"cl', "malformed_json"),
    "not an object": ('["click"]', "not_an_object"),
    "wrong type": (bad(',"dwell_ms":"long"'), "wrong_type"),
    "NaN": (bad(',"value":NaN'), "malformed_json"),
    "Infinity": (bad(',"value":-Infinity'), "malformed_json"),
    "out of range": (bad(',"scroll_depth":7.5'), "out_of_range"),
    "unknown event type": (bad(kind='"teleport"'), "unknown_event_type"),
    "oversized": (bad(f',"query":"{"x" * MAX_LINE_BYTES}"'), "line_too_long"),
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home with a name that shells and URLs stumble over."""
    folder = tmp_path / "a home é 家"
    folder.mkdir()
    return folder


# ---- lines that are set aside: exit 0, counted, kept as they came


@pytest.mark.parametrize("case", BAD_LINES)
def test_a_bad_line_is_set_aside_as_it_was_sent(home: Path, tmp_path: Path, case: str) -> None:
    line, reason = BAD_LINES[case]
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join([GOOD % 1, line, GOOD % 2]) + "\n")
    done = revealed_here(home, "ingest", file, "--format", "events", "--json")
    report = result(done)
    assert "Traceback" not in done.stderr
    assert (report["received"], report["accepted"], report["quarantined"]) == (3, 2, 1)
    assert report["reasons"] == {reason: 1}
    (row,) = set_aside(home)
    assert (row["log"], row["reason"], row["source_name"], row["source_line"]) == (
        "events", reason, "events.jsonl", 2,
    )  # fmt: skip
    assert row["byte_offset"] == len((GOOD % 1).encode()) + 1
    if reason == "line_too_long":
        assert line.startswith(row["raw"])
        assert len(row["raw"]) >= 1_000
        assert f"{len(line.encode()):,}" in row["detail"] or str(len(line.encode())) in row["detail"]
    else:
        assert row["raw"] == line
    assert_whole(home)


def test_an_empty_file_is_counted_and_harms_nothing(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "empty.jsonl"
    file.touch()
    report = result(revealed(home, "ingest", file, "--format", "events", "--json"))
    assert (report["files"], report["received"], report["quarantined"]) == (1, 0, 0)
    assert_whole(home)
    told = refusal(revealed(home, "run", "--through", "2026-01-01", "--json"), 7)
    assert told["code"] == "no_data"


# ---- commands that are refused


@pytest.mark.parametrize(
    ("words", "code", "name", "says"),
    [
        (["ingest"], 4, "missing_input", "landing"),
        (["ingest", "nowhere", "--format", "events"], 4, "missing_input", "nowhere"),
        (["ingest", "in.jsonl", "--format", "banana"], 3, "unknown_format", "open-bandit"),
        (["ingest", "in.jsonl"], 3, "unknown_format", "--format"),
        (["ingest", "in.jsonl", "--format", "events", "--mapping", "gone.toml"], 4, "missing_input", "gone.toml"),
        (["ingest", "in.jsonl", "--format", "events", "--mapping", "broken.toml"], 2, "usage", "broken.toml"),
        (["ingest", "in.jsonl", "--format", "events", "--mapping", "binary.toml"], 2, "usage", "binary.toml"),
        (["ingest", "in.jsonl", "--format", "events", "--mapping", "strange.toml"], 2, "usage", "no_such"),
        (["run", "--through", "banana"], 2, "usage", "YYYY-MM-DD"),
        (["run", "--through", "2026-02-30"], 2, "usage", "2026-02-30"),
        (["run"], 2, "usage", "--through"),
        (["run", "--through", "2026-01-01"], 7, "no_data", "revealed ingest"),
        (["recommend", "u1"], 9, "nothing_published", "revealed run"),
        (["recommend", "u1", "-k", "0"], 2, "usage", "-k"),
        (["snapshot", "verify"], 9, "nothing_published", "revealed run"),
        (["snapshot", "rollback"], 9, "nothing_published", "revealed run"),
        (["sql", "select 1"], 9, "nothing_published", "revealed run"),
        (["warehouse", "as-of", "banana", "--to", "x.duckdb"], 2, "usage", "YYYY-MM-DD"),
        (["warehouse", "as-of", "2026-01-02"], 2, "usage", "--to"),
        (["warehouse", "as-of", "2026-01-02", "--to", "in.jsonl"], 2, "usage", "exists"),
        (["warehouse", "as-of", "2026-01-02", "--to", "x.duckdb"], 7, "no_data", "revealed ingest"),
        (["simulate", "--days", "0"], 2, "usage", "days"),
        (["no-such-command"], 2, "usage", "revealed --help"),
    ],
)  # fmt: skip
def test_a_refusal_has_its_code_and_says_what_where_and_what_to_do(
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    code: int,
    name: str,
    says: str,
) -> None:
    (tmp_path / "in.jsonl").write_text(GOOD % 1 + "\n")
    (tmp_path / "broken.toml").write_text("[columns\n")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "strange.toml").write_text('[columns]\ntheirs = "no_such"\n')
    monkeypatch.chdir(tmp_path)
    told = refusal(revealed_here(home, *words, "--json"), code)
    assert told["code"] == name
    assert says in " ".join(told.values())
    assert told["where"]
    assert ledger(home) == {}
    assert not (home / "published").exists()


def test_a_setting_that_does_not_parse_is_named(home: Path) -> None:
    told = refusal(revealed(home, "recommend", "u1", "--json", env={"REVEALED_DEVICE": "banana"}), 2)
    assert (told["code"], told["where"]) == ("usage", "REVEALED_DEVICE")
    assert "auto, cpu, gpu" in told["what"]


def test_without_json_a_refusal_leaves_stdout_empty(home: Path) -> None:
    done = revealed(home, "recommend", "u1")
    assert (done.returncode, done.stdout) == (9, "")
    assert done.stderr.splitlines()[0] == "nothing_published: no recommendations have been published yet"


def test_a_home_that_is_a_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text(GOOD % 1 + "\n")
    told = refusal(revealed(file, "ingest", file, "--format", "events", "--json"), 1)
    assert told["where"].startswith(str(file))
    assert "REVEALED_HOME" in told["do"]
    assert file.read_text() == GOOD % 1 + "\n"


def test_an_unreadable_file_is_named_and_what_stands_before_it_has_landed(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.jsonl").write_text(GOOD % 1 + "\n")
    locked = folder / "b.jsonl"
    locked.write_text(GOOD % 2 + "\n")
    locked.chmod(0)
    words = ["ingest", folder, "--format", "events", "--json"]
    told = refusal(revealed(home, *words, before=without_superuser_rights), 4)
    assert told["where"] == str(locked)
    assert_whole(home)
    locked.chmod(0o600)
    again = result(revealed(home, *words))
    assert (again["accepted"], again["already_landed"]) == (1, 1)


def without_superuser_rights() -> None:
    """Make file permissions bind the superuser too, who may read everything: containers often run tests as root."""
    if os.geteuid() == 0:
        drop_from_bounding_set = 24
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            ctypes.CDLL(None).prctl(drop_from_bounding_set, capability, 0, 0, 0)


def test_a_path_with_spaces_and_unicode_is_no_trouble(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "wöchentlich 記録" / "events of monday's.jsonl"
    file.parent.mkdir()
    file.write_text(f"{GOOD % 1}\n{{\n")
    report = result(revealed(home, "ingest", file, "--format", "events", "--json"))
    assert (report["accepted"], report["quarantined"]) == (1, 1)
    assert set_aside(home)[0]["source_name"] == "events of monday's.jsonl"
    assert_whole(home)
