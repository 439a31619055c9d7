"""Which files are read, which are left for later, and what is said of those that are damaged."""

from __future__ import annotations

import gzip
import os
import random
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from landing_files import OLD, as_lines, counts, event, put, quarantined, raw_rows

from revealed.contracts import MAX_LINE_BYTES
from revealed.errors import LockedError, MissingInputError, NoDataError, UnknownFormatError, UsageError
from revealed.landing import (
    gzip_stream,
    ingest_landing,
    ingest_path,
    land_file,
    lander,
    read_ledger,
    staged_source,
)
from revealed.landing import lines as lines_module
from revealed.landing.lines import read_blocks
from revealed.settings import Settings

LINES = as_lines(event(number) for number in range(50))


def test_every_line_format_gives_the_same_rows(settings: Settings) -> None:
    for name in ("a.jsonl", "b.ndjson", "c.jsonl.gz", "d.ndjson.gz"):
        put(settings.landing / "events" / name, LINES)
    report = ingest_landing(settings)
    assert (report.files, report.already_landed) == (2, 2), "plain and gzip differ in their bytes"
    assert counts(report) == (100, 50, 50, 0)


def test_unfinished_hidden_linked_and_special_files_are_not_read(settings: Settings, tmp_path: Path) -> None:
    folder = settings.landing / "events"
    for name in (".a.jsonl", "a.jsonl.tmp", "a.jsonl.part", "a.jsonl.inprogress", ".hidden/a.jsonl"):
        put(folder / name, LINES)
    (folder / "link.jsonl").symlink_to(put(tmp_path / "out.jsonl", LINES))
    (folder / "linked").symlink_to(put(tmp_path / "out" / "a.jsonl", LINES).parent)
    os.mkfifo(folder / "pipe.jsonl")
    put(folder / "notes.txt", b"hello")
    put(settings.landing / "clicks" / "a.jsonl", LINES)
    put(settings.landing / "a.jsonl", LINES)
    report = ingest_landing(settings)
    assert (report.files, report.still_being_written, report.unrecognised) == (0, 0, 3)
    assert read_ledger(settings) == []


def test_a_young_file_waits_and_lands_later(settings: Settings) -> None:
    path = put(settings.landing / "events" / "a.jsonl", LINES)
    path.touch()
    patient = replace(settings, landing_grace_seconds=3600)
    report = ingest_landing(patient)
    assert (report.still_being_written, report.files) == (1, 0)
    assert read_ledger(settings) == []
    os.utime(path, (OLD, OLD))
    assert ingest_landing(patient).accepted == 50


def test_an_explicit_path_has_no_grace_period(settings: Settings, tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", LINES)
    path.touch()
    assert ingest_path(replace(settings, landing_grace_seconds=3600), path, "events").accepted == 50


@pytest.mark.parametrize("moment", ["while hashing", "while reading"])
def test_a_file_that_grows_under_the_reader_is_left(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    path = put(tmp_path / "a.jsonl", LINES)
    module, name = (
        (lander.durable, "sha256_file") if moment == "while hashing" else (staged_source, "parse_file")
    )
    original = getattr(module, name)

    def while_growing(*arguments: object) -> object:
        with path.open("ab") as file:
            file.write(as_lines([event(99)]))
        return original(*arguments)

    monkeypatch.setattr(module, name, while_growing)
    report = ingest_path(settings, path, "events")
    monkeypatch.undo()
    assert (report.still_being_written, report.files) == (1, 0)
    assert read_ledger(settings) == []
    assert not list(settings.raw.rglob("*.parquet"))
    assert ingest_path(settings, path, "events").accepted == 51


def test_missing_landing_folder(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="REVEALED_HOME") as caught:
        ingest_landing(Settings(home=tmp_path / "nowhere", project_root=tmp_path))
    assert caught.value.exit_code == 4
    assert not (tmp_path / "nowhere").exists()


def test_landing_folder_with_nothing_in_it(settings: Settings) -> None:
    assert ingest_landing(settings).to_dict() == {
        **dict.fromkeys(("files", "received", "accepted", "duplicate", "quarantined"), 0),
        **dict.fromkeys(("already_landed", "still_being_written", "unrecognised", "erased"), 0),
        "reasons": {},
    }


def test_missing_path_and_wrong_kinds(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(MissingInputError):
        ingest_path(settings, tmp_path / "nothing.jsonl", "events")
    with pytest.raises(UsageError, match=r"\.ndjson"):
        ingest_path(settings, put(tmp_path / "a.csv", b"x"), "events")
    with pytest.raises(NoDataError):
        ingest_path(settings, put(tmp_path / "empty" / "a.txt", b"").parent, "events")


def test_unknown_format_lists_the_known_ones(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(UnknownFormatError, match="events, inferences, items, users") as caught:
        ingest_path(settings, put(tmp_path / "a.jsonl", LINES), "clicks")
    assert caught.value.exit_code == 3
    with pytest.raises(UnknownFormatError):
        land_file(settings, tmp_path / "a.jsonl", "clicks")


def test_an_adapter_takes_no_mapping(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="mapping"):
        ingest_path(settings, tmp_path, "kuairand", mapping=tmp_path / "mapping.toml")


def test_a_file_that_may_not_be_read_is_named(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(lander.durable, "sha256_file", refuse)
    with pytest.raises(MissingInputError, match=r"(?s)Permission denied.*a\.jsonl"):
        ingest_path(settings, put(tmp_path / "a.jsonl", LINES), "events")


def test_second_run_at_the_same_time_is_refused(settings: Settings, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from revealed.durable import exclusive_lock\n"
        "with exclusive_lock(Path(sys.argv[1]), 'land files'):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    path = put(tmp_path / "a.jsonl", LINES)
    command = [sys.executable, "-c", code, str(settings.locks / "landing.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(LockedError, match=str(holder.pid)) as caught:
            ingest_path(settings, path, "events")
        assert caught.value.exit_code == 5
        assert not settings.raw.exists(), "the second run touched nothing"
        holder.kill()
    assert ingest_path(settings, path, "events").accepted == 50, "the lock goes free with its holder"


def test_the_same_bytes_read_as_the_wrong_log_can_be_read_again(settings: Settings, tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", LINES)
    assert counts(ingest_path(settings, path, "inferences")) == (50, 0, 0, 50)
    assert ingest_path(settings, path, "inferences").already_landed == 1
    assert counts(ingest_path(settings, path, "events")) == (50, 50, 0, 0)
    assert ingest_path(settings, path, "inferences").already_landed == 1
    assert [entry.log for entry in read_ledger(settings)] == ["events"]


def test_a_cut_gzip_keeps_the_whole_lines_before_the_cut(settings: Settings, tmp_path: Path) -> None:
    seeded = random.Random(7)
    texts = [as_lines([event(number, user_id=f"u{seeded.random()}")]) for number in range(400)]
    packed = gzip.compress(b"".join(texts), mtime=0)
    for cut in (5, len(packed) // 2, len(packed) - 1):
        home = replace(settings, home=tmp_path / str(cut))
        path = tmp_path / f"{cut}.jsonl.gz"
        path.write_bytes(packed[:cut])
        report = ingest_path(home, path, "events")
        inflated = zlib.decompressobj(31).decompress(packed[:cut])
        assert report.accepted == inflated.count(b"\n")
        assert report.reasons == {"corrupt_gzip": 1}
        assert counts(report) == (report.accepted + 1, report.accepted, 0, 1)
        assert quarantined(home)[0]["byte_offset"] == inflated.rfind(b"\n") + 1


def test_not_gzip_at_all(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(LINES)
    assert counts(ingest_path(settings, path, "events")) == (1, 0, 0, 1)


@pytest.mark.parametrize("seed", range(12))
def test_flipped_bits_in_gzip_lose_no_line_before_them(tmp_path: Path, seed: int) -> None:
    seeded = random.Random(seed)
    plain = as_lines(event(number, user_id=f"u{seeded.random()}") for number in range(300))
    packed = bytearray(gzip.compress(plain, mtime=0))
    at = seeded.randrange(10, len(packed))
    packed[at] ^= 1 << seeded.randrange(8)
    path = tmp_path / "a.gz"
    path.write_bytes(packed)
    output = b""
    chunks = gzip_stream.gzip_chunks(path)
    with pytest.raises(gzip_stream.CorruptGzipError):  # noqa: PT012 - what came before the error counts
        for chunk in chunks:
            output += chunk
    intact = zlib.decompressobj(31).decompress(bytes(packed[:at]))
    assert output.startswith(intact)


def test_gzip_members_one_after_the_other_and_padding(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"a\nb") + gzip.compress(b"c\n") + b"\0" * 512)
    assert b"".join(gzip_stream.gzip_chunks(path)) == b"a\nbc\n"


@given(st.lists(st.binary(max_size=40)), st.integers(1, 9), st.integers(4, 12), st.booleans())
def test_blocks_hold_every_line_at_its_place(
    texts: list[bytes], chunk: int, limit: int, is_terminated: bool
) -> None:
    """Against the plain rule (split at newlines), whatever the sizes of chunks and the limit of a line."""
    data = b"\n".join(text.replace(b"\n", b"") for text in texts) + (b"\n" if is_terminated else b"")
    expected, offset = [], 0
    for text in data.split(b"\n"):
        expected.append((len(expected) + 1, offset, len(text), text))
        offset += len(text) + 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines_module, "MAX_LINE_BYTES", limit)
        patch.setattr(lines_module, "HEAD_BYTES", 3)
        reader = lines_module._LineReader()
        blocks = [
            block
            for start in range(0, len(data), chunk)
            for block in reader.feed(data[start : start + chunk])
        ]
        blocks += reader.finish()
    found = [
        (block.first_line + index, place, block.overlong or len(line), line)
        for block in blocks
        for index, (line, place) in enumerate(zip(block.lines, block.offsets(), strict=True))
    ]
    assert [row[:3] for row in found] == [row[:3] for row in expected if row[3] or row is not expected[-1]]
    for (_, _, length, line), whole in zip(found, expected, strict=False):
        assert whole[3].startswith(line)
        assert length == len(line) or length > limit


def test_a_giant_line_is_refused_in_constant_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    with gzip.open(path, "wb") as file:
        for part in [as_lines([event(1)]), *([b"x" * (1 << 20)] * 40), b"\n", as_lines([event(2)])]:
            file.write(part)
    blocks = list(read_blocks(path, is_gzip=True))
    assert max(len(line) for block in blocks for line in block.lines) <= MAX_LINE_BYTES
    assert [block.overlong for block in blocks if block.overlong] == [40 << 20]
    assert blocks[-1].first_line == 3


def test_giant_and_longish_lines_land_as_one_refusal_each(settings: Settings, tmp_path: Path) -> None:
    text = as_lines([event(1), b"x" * 3_000_000, event(2), b'"' + b"y" * 65_536 + b'"', event(3)])
    report = ingest_path(settings, put(tmp_path / "a.jsonl", text), "events")
    assert counts(report) == (5, 3, 0, 2)
    assert report.reasons == {"line_too_long": 2}
    assert [row["source_line"] for row in raw_rows(settings)] == [1, 3, 5]
    assert [row["byte_offset"] for row in quarantined(settings)] == [
        text.index(b"x"), text.index(b'"y'),
    ]  # fmt: skip
