"""Segments: grouped, sealed by size and age, picked up by landing, healed at the start, one gateway a home."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path

import pytest
from gateway_client import bearer, event, running, settings_at

from revealed.contracts import MAX_LINE_BYTES
from revealed.errors import LockedError
from revealed.gateway.files import JournalFiles
from revealed.gateway.idempotency import KEPT, Answered, AnsweredRequests
from revealed.gateway.journal import Journal, JournalUnavailable
from revealed.gateway.refusals import HttpRefusal
from revealed.landing import ingest_landing
from revealed.settings import Settings


class _Counting(JournalFiles):
    def __init__(self) -> None:
        self.syncs = 0

    def sync(self, fd: int) -> None:
        self.syncs += 1
        super().sync(fd)


def sealed(settings: Settings) -> list[Path]:
    return sorted((settings.landing / "events").iterdir())


def opened(settings: Settings) -> list[Path]:
    return sorted((settings.gateway / "open").iterdir())


def test_those_who_wait_share_a_sync(tmp_path: Path) -> None:
    settings, files = settings_at(tmp_path), _Counting()

    async def append() -> None:
        journal = Journal(settings, files=files)
        journal.open()
        await asyncio.gather(*(journal.append("events", [b"%d" % n]) for n in range(500)))
        assert files.syncs < 20
        await asyncio.gather(*(journal.append("events", [b"%d" % n]) for n in range(500, 600)))
        await journal.close()
        await journal.close()
        with pytest.raises(JournalUnavailable):
            await journal.append("events", [b"late"])

    asyncio.run(append())
    (file,) = sealed(settings)
    assert file.read_bytes() == b"".join(b"%d\n" % n for n in range(600))
    assert opened(settings) == []


def test_a_segment_is_sealed_by_size_and_by_age(tmp_path: Path) -> None:
    settings = settings_at(
        tmp_path, REVEALED_GATEWAY_SEGMENT_MEGABYTES="1", REVEALED_GATEWAY_SEGMENT_SECONDS="0.2"
    )

    async def append() -> None:
        journal = Journal(settings)
        journal.open()
        for _ in range(18):
            await journal.append("events", [b"x" * MAX_LINE_BYTES])
        assert [file.stat().st_size > 1 << 20 for file in sealed(settings)] == [True]
        assert len(opened(settings)) == 1
        journal.start_sealing()
        while len(sealed(settings)) < 2:
            await asyncio.sleep(0.05)
        assert opened(settings) == []
        await journal.close()

    asyncio.run(append())


def test_what_a_killed_gateway_left_is_cut_to_whole_lines_and_sealed(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    folder = settings.gateway / "open"
    folder.mkdir(parents=True)
    tail = b'{"event_id": "torn' + b"\0" * 200_000
    for name, content in {
        "whole": b'{"a": 1}\n{"a": 2}\n',
        "torn": b'{"a": 3}\n' + tail,
        "nothing": b"",
        "first": tail,
    }.items():
        (folder / f"events-20260501T080000000000Z-{name}.jsonl.open").write_bytes(content)

    async def start() -> None:
        journal = Journal(settings)
        journal.open()
        assert opened(settings) == []
        await journal.close()

    asyncio.run(start())
    assert {file.name.split("-")[-1]: file.read_bytes() for file in sealed(settings)} == {
        "whole.jsonl": b'{"a": 1}\n{"a": 2}\n',
        "torn.jsonl": b'{"a": 3}\n',
    }


def test_landing_takes_what_is_sealed_and_leaves_what_is_open(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    auth = bearer(settings, "events:write")
    with running(settings) as (client, _):
        client.post("/v1/events", json=[event("a"), event("b"), event("a")], headers=auth)
        assert ingest_landing(settings).files == 0
    report = ingest_landing(settings)
    assert (report.files, report.received, report.accepted, report.duplicate) == (1, 3, 2, 1)
    assert report.unrecognised == 0


def test_landing_leaves_a_segment_for_the_next_run_while_it_is_young(tmp_path: Path) -> None:
    settings = settings_at(tmp_path, REVEALED_LANDING_GRACE_SECONDS="5")
    with running(settings) as (client, _):
        client.post("/v1/events", json=event(), headers=bearer(settings, "events:write"))
    assert ingest_landing(settings).still_being_written == 1
    (file,) = sealed(settings)
    aged = file.stat().st_mtime - 6
    os.utime(file, (aged, aged))
    assert ingest_landing(settings).accepted == 1


def test_one_gateway_works_in_a_home(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    with running(settings):
        with pytest.raises(LockedError, match="run the gateway"):
            Journal(settings).open()
        assert opened(settings) == []
    Journal(settings).open()


def test_a_failed_write_to_one_log_leaves_the_other_ones_alone(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)

    class Failing(JournalFiles):
        def create(self, path: Path) -> int:
            if path.name.startswith("events"):
                raise OSError("no")
            return super().create(path)

    async def append() -> None:
        journal = Journal(settings, files=Failing())
        journal.open()
        with pytest.raises(JournalUnavailable, match="cannot be written: no"):
            await journal.append("events", [b"1"])
        await journal.append("inferences", [b"2"])
        assert not await journal.is_writable()
        await journal.close()

    asyncio.run(append())
    assert len(list((settings.landing / "inferences").iterdir())) == 1


def test_answered_requests_are_bounded_by_age() -> None:
    from datetime import UTC, datetime

    start = datetime(2026, 5, 1, tzinfo=UTC)
    answered = AnsweredRequests()
    for hour in range(48):
        moment = start + timedelta(hours=hour)
        answered.add(Answered(f"k{hour}", "body", moment, moment))
    assert [one.key for one in answered.kept()] == [f"k{hour}" for hour in range(24, 48)]
    now = start + timedelta(hours=47)
    assert answered.find("k23", "body", now) is None
    assert answered.find("k47", "body", now) is not None
    assert answered.find("k30", "body", start + timedelta(hours=30) + KEPT) is None
    with pytest.raises(HttpRefusal, match="another body"):
        answered.find("k47", "other", now)
    with answered.alone("k"), pytest.raises(HttpRefusal, match="being answered"), answered.alone("k"):
        pass
    with answered.alone("k"):
        pass
