"""An erasure under way: the one file that names the person, kept until the last byte elsewhere is gone.

It is written before anything changes, so that a killed erasure can be finished although raw no longer says which visitor
ids were the person's, and so that the receipt's counts are those of the whole.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from revealed import durable
from revealed.erasure.needles import MASK, Needles
from revealed.errors import DamagedFileError
from revealed.settings import Settings

_PREFIX = 16


@dataclass
class Pending:
    """What was found before anything changed.

    Attributes:
        fingerprint: the person's tombstone, 64 hexadecimal digits.
        ids: user id and visitor ids.
        others: ids of other people in which one of these stands.
        asked_by: who asked for the erasure.
        started_at: when, ISO with a zone.
        found: what held the person: counts by place, and the names of versions.
        runs: how often it was started: more than once after a kill.
    """

    fingerprint: str
    ids: list[str]
    others: list[str]
    asked_by: str
    started_at: str
    shared_visitors: int
    found: dict[str, Any] = field(default_factory=dict)
    runs: int = 1

    @property
    def receipt(self) -> str:
        """The receipt's name: the moment, and the first digits of the fingerprint."""
        moment = self.started_at[:19].replace("-", "").replace(":", "")
        return f"{moment}Z-{self.fingerprint[:_PREFIX]}"

    @property
    def needles(self) -> Needles:
        """What to look for."""
        return Needles(frozenset(self.ids), frozenset(self.others))

    def save(self, settings: Settings) -> None:
        """Write it, for this user's eyes only."""
        path = pending_path(settings, self.fingerprint)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with durable.staged_file(path) as staged:
            staged.touch(mode=0o600)
            staged.write_bytes(durable.canonical_json(asdict(self)))


def read_pending(settings: Settings, fingerprint: str) -> Pending | None:
    """Return the erasure that was begun for a person and not finished; None where there is none.

    Raises:
        DamagedFileError: the file cannot be read.
    """
    path = pending_path(settings, fingerprint)
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Pending)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DamagedFileError(
            f"the erasure that was begun cannot be read ({error})",
            where=str(path),
            remedy="remove this file and run `revealed erase` again",
        ) from error


def read_overwritten(settings: Settings, user_id: str) -> Pending | None:
    """Return the erasure under way that an id of nothing but stars means, where one alone is under way.

    Airflow keeps a run's param in its database, where the erasure itself overwrites it. A task that is killed after that
    is tried again with the stars.

    Raises:
        DamagedFileError: the file cannot be read.
    """
    begun = [*(settings.erasure / "pending").glob("*.json")]
    if set(user_id) != {MASK} or len(begun) != 1:
        return None
    return read_pending(settings, begun[0].stem)


def forget_pending(settings: Settings, pending: Pending) -> None:
    """Remove the last file that names the person: its bytes are overwritten first."""
    path = pending_path(settings, pending.fingerprint)
    path.write_bytes(b"\0" * path.stat().st_size)
    durable.fsync_file(path)
    path.unlink()
    durable.fsync_directory(path.parent)


def pending_path(settings: Settings, fingerprint: str) -> Path:
    """Return where an erasure under way is kept."""
    return settings.erasure / "pending" / f"{fingerprint[:_PREFIX]}.json"
