"""Power cuts and failing disks at every operation of the journal; and journals that must not survive them."""

from __future__ import annotations

import errno
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from losing_files import LosingFiles, NeverCuts, NeverSyncs, NeverSyncsFolders, PowerCut, SyncsAgain

from revealed.commands.output import say
from revealed.gateway.files import JournalFiles
from revealed.gateway.segments import SegmentWriter, recover

BATCHES = 14
LARGEST = 400
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 6))]


def writer_at(home: Path, files: JournalFiles) -> SegmentWriter:
    return SegmentWriter(
        "events",
        home / "open",
        home / "sealed",
        largest=LARGEST,
        oldest=3600,
        files=files,
        clock=lambda: datetime(2026, 5, 1, tzinfo=UTC),
    )


def batches(seed: int) -> Iterator[list[str]]:
    chance = random.Random(seed)
    for number in range(BATCHES):
        yield [f"{number}-{i}" for i in range(chance.randint(1, 4))]


def run(home: Path, files: LosingFiles, seed: int) -> set[str]:
    """Append the batches, then seal; return the keys of those that `commit` returned for before the power went."""
    acked: set[str] = set()
    writer = writer_at(home, files)
    try:
        for keys in batches(seed):
            try:
                writer.commit(
                    b"".join(b'{"key":"%s","filling":"%060d"}\n' % (key.encode(), 7) for key in keys)
                )
            except OSError:
                continue
            acked.update(keys)
        writer.seal()
    except PowerCut:
        pass
    return acked


def recovered(home: Path) -> list[bytes]:
    """Start again on what the power cut left; return every line that was sealed."""
    for name in ("open", "sealed"):
        (home / name).mkdir(parents=True, exist_ok=True)
    recover("events", home / "open", home / "sealed", JournalFiles())
    assert list((home / "open").iterdir()) == []
    return [
        line
        for file in sorted((home / "sealed").iterdir())
        for line in file.read_bytes().split(b"\n")
        if line
    ]


def keys_of(lines: list[bytes]) -> set[str]:
    """Return the keys of the whole lines; a line that is torn, or glued to another one, has none."""
    return {json.loads(line)["key"] for line in lines if is_whole(line)}


def is_whole(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def operations(tmp_path: Path, seed: int) -> int:
    files = LosingFiles(random.Random(seed))
    assert len(run(tmp_path / "whole", files, seed)) == sum(len(keys) for keys in batches(seed))
    return len(files.operations)


def lost_by_cuts(tmp_path: Path, kind: type[LosingFiles], seed: int) -> tuple[int, int, int]:
    """Cut the power before every operation, twice; return acknowledged keys, how many of them are gone, and torn lines."""
    total = gone = torn = 0
    for cut_at in range(1, operations(tmp_path, seed) + 2):
        for is_kind in (False, True):
            home = tmp_path / f"{seed}-{cut_at}-{is_kind}"
            files = kind(random.Random(seed * 1000 + cut_at), cut_at=cut_at)
            acked = run(home, files, seed)
            files.leave(random.Random(cut_at) if is_kind else None)
            total += len(acked)
            lines = recovered(home)
            gone += len(acked - keys_of(lines))
            torn += sum(not is_whole(line) for line in lines)
    return total, gone, torn


@pytest.mark.parametrize("seed", SEEDS)
def test_a_power_cut_at_any_operation_loses_nothing_that_was_acknowledged(
    tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    total, gone, torn = lost_by_cuts(tmp_path, LosingFiles, seed)
    with capsys.disabled():
        say(f"\npower cut at every operation: {total:,} events acknowledged, {gone} lost")
    assert total > 1_000
    assert (gone, torn) == (0, 0)


@pytest.mark.parametrize("kind", [NeverSyncs, NeverSyncsFolders])
def test_a_journal_that_does_not_sync_loses_what_it_acknowledged(
    tmp_path: Path, kind: type[LosingFiles], capsys: pytest.CaptureFixture[str]
) -> None:
    total, gone, _ = lost_by_cuts(tmp_path, kind, 1)
    with capsys.disabled():
        say(f"\ncontrol {kind.__name__}: {total:,} events acknowledged, {gone:,} lost")
    assert gone > total // 10


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("seed", SEEDS)
def test_an_operation_that_fails_costs_its_own_batch_at_most(tmp_path: Path, seed: int, error: int) -> None:
    everything = {key for keys in batches(seed) for key in keys}
    for fail_at in range(1, operations(tmp_path, seed) + 1):
        home = tmp_path / f"{error}-{fail_at}"
        files = LosingFiles(random.Random(fail_at), fail_at=fail_at, error=error)
        acked = run(home, files, seed)
        assert len(everything - acked) <= 4
        files.leave(None)
        lines = recovered(home)
        assert acked - keys_of(lines) == set()
        assert all(is_whole(line) for line in lines)
        assert len(lines) <= len(everything)


def test_after_a_failed_sync_another_one_must_not_be_believed(tmp_path: Path) -> None:
    lost = 0
    for fail_at in range(1, operations(tmp_path, 1) + 1):
        home = tmp_path / str(fail_at)
        files = SyncsAgain(random.Random(fail_at), fail_at=fail_at, error=errno.EIO)
        acked = run(home, files, 1)
        files.leave(None)
        lost += len(acked - keys_of(recovered(home)))
    assert lost > 0


def test_a_torn_line_that_is_not_cut_spoils_the_next_one(tmp_path: Path) -> None:
    spoilt = 0
    for fail_at in range(1, operations(tmp_path, 1) + 1):
        home = tmp_path / str(fail_at)
        files = NeverCuts(random.Random(fail_at), fail_at=fail_at, error=errno.ENOSPC)
        run(home, files, 1)
        files.leave(None)
        spoilt += sum(not is_whole(line) for line in recovered(home))
    assert spoilt > 0
