"""Ask how two kept snapshots differ: as it was found at the publish, or found now."""

from __future__ import annotations

import json

import duckdb

from revealed.engines.duckdb import connect
from revealed.errors import DamagedFileError, NothingPublishedError
from revealed.publishing.difference import SnapshotDifference, compare_snapshots
from revealed.publishing.generations import folder_of, read_snapshot_manifest
from revealed.publishing.manifest import DIFFERENCE
from revealed.settings import Settings


def snapshot_difference(
    settings: Settings, old: int | None = None, new: int | None = None
) -> SnapshotDifference:
    """Return how one snapshot differs from an older one.

    Args:
        settings: where snapshots are.
        old: a generation; left out, the one that `new` replaced.
        new: a generation; left out, the one in service.

    Raises:
        NothingPublishedError: there is no such generation, or `new` replaced nothing.
        DamagedFileError: a file that is to be compared cannot be read.
    """
    after = read_snapshot_manifest(settings, new)
    kept = folder_of(settings, after.generation) / DIFFERENCE
    if old in (None, after.replaces) and kept.is_file():
        return SnapshotDifference(**json.loads(kept.read_bytes()))
    if old is None:
        raise NothingPublishedError(
            f"snapshot {after.snapshot_id} was not compared with another when it was published",
            where=str(kept.parent),
            remedy="name two generations: `revealed snapshot diff OLD NEW`",
        )
    before = read_snapshot_manifest(settings, old)
    con = connect(settings)
    try:
        folders = [folder_of(settings, found.generation) for found in (before, after)]
        return compare_snapshots(con, (before.generation, folders[0]), (after.generation, folders[1]))
    except duckdb.IOException as error:
        raise DamagedFileError(
            f"a snapshot's file cannot be read ({str(error).splitlines()[0]})",
            where=str(settings.published_recommendations),
            remedy=f"see `revealed snapshot verify {before.generation}` and `... {after.generation}`",
        ) from error
    finally:
        con.close()
