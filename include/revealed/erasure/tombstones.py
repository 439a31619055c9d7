"""Who was erased, as keyed hashes: enough to know an id that comes back, and to nobody a list of ids.

A tombstone is HMAC-SHA256 of the id (RFC 2104) under a random key of this home, so that without the key nobody can try
ids out, and with it nobody can read them off.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from revealed.durable import exclusive_lock, write_bytes, write_json
from revealed.errors import DamagedFileError
from revealed.settings import Settings

KEY, TOMBSTONES = "key", "tombstones.json"
IDENTITY_FIELDS = ("user_id", "anonymous_id")
# The warehouse's name for a visitor whom nobody knows, in every `user_id` after it, is this and the visitor's id.
VISITOR = "anon:"
_KEY_BYTES = 32
# What an id may look like inside of a line that is no JSON: a string between quotes, or a run without white space and signs.
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_WORD = re.compile(r'[^\s"\'<>{}\[\](),;=\\]+')


@dataclass(frozen=True)
class Tombstones:
    """The erased ids of one home, as they were when this was read. `Tombstones.load` reads them again cheaply.

    Attributes:
        key: what the ids are hashed with.
        hashes: a hash for each erased id, user ids and visitor ids alike.
        stamp: the file's time and size when it was read; None where there was none.
    """

    key: bytes
    hashes: frozenset[bytes]
    stamp: tuple[int, int] | None = None

    def __bool__(self) -> bool:
        """Return whether anybody has been erased here."""
        return bool(self.hashes)

    def __len__(self) -> int:
        """Return how many ids have been erased here."""
        return len(self.hashes)

    @classmethod
    def load(cls, settings: Settings, known: Tombstones | None = None) -> Tombstones:
        """Return the home's tombstones; `known` itself where they have not changed since it was read.

        Raises:
            DamagedFileError: they cannot be read, or their key is gone: nothing may be let in unchecked.
        """
        path = settings.erasure / TOMBSTONES
        stamp = _stamp(path)
        if known is not None and known.stamp == stamp:
            return known
        if stamp is None:
            return cls(b"", frozenset())
        try:
            hashes = json.loads(path.read_bytes())["hmac_sha256"]
            key = bytes.fromhex((settings.erasure / KEY).read_text())
            return cls(key, frozenset(map(bytes.fromhex, hashes)), stamp)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DamagedFileError(
                f"the list of erased people cannot be read ({error}), so that nothing may be let in",
                where=str(settings.erasure),
                remedy="restore `key` and `tombstones.json` from a backup",
            ) from error

    def holds(self, user_id: str | None, anonymous_id: str | None = None) -> bool:
        """Return whether a line that names these two is of somebody who was erased."""
        if not self.hashes:
            return False
        return any(value is not None and self._is_buried(value) for value in (user_id, anonymous_id))

    def mentioned_in(self, text: str) -> bool:
        """Return whether a text that is no valid line names somebody who was erased, between quotes or as a word."""
        return bool(self.hashes) and any(self._is_buried(word) for word in set(_words(text)))

    def rows_of(self, table: pa.Table) -> pa.ChunkedArray | None:
        """Return which rows of a raw table are of somebody who was erased; None where none is.

        Args:
            table: has `user_id`, `anonymous_id`, both or neither, as strings.
        """
        if not self.hashes:
            return None
        found = None
        for name in IDENTITY_FIELDS:
            if name in table.column_names:
                ids = [value for value in pc.unique(table[name]).to_pylist() if self.holds(value)]
                if ids:
                    theirs = pc.is_in(table[name], value_set=pa.array(ids, pa.string()))
                    found = theirs if found is None else pc.or_(found, theirs)
        return found

    def fingerprint(self, user_id: str) -> str:
        """Return the tombstone of an id as 64 hexadecimal digits: what receipts name a person by."""
        return self._hash(user_id).hex()

    def _is_buried(self, value: str) -> bool:
        if self._hash(value) in self.hashes:
            return True
        return value.startswith(VISITOR) and self._hash(value.removeprefix(VISITOR)) in self.hashes

    def _hash(self, value: str) -> bytes:
        return hmac.digest(self.key, value.encode(errors="surrogatepass"), "sha256")


def bury(settings: Settings, ids: Iterable[str]) -> Tombstones:
    """Add a tombstone for each id, durably, and return all; ids that have one already change nothing.

    Raises:
        LockedError: another process adds tombstones.
        DamagedFileError: the tombstones that there are cannot be read.
    """
    with exclusive_lock(settings.locks / "tombstones.lock", "add tombstones"):
        before = keyed(settings)
        hashes = before.hashes | {before._hash(value) for value in ids}
        if hashes != before.hashes:
            listed = sorted(value.hex() for value in hashes)
            write_json(settings.erasure / TOMBSTONES, {"hmac_sha256": listed})
            (settings.erasure / TOMBSTONES).chmod(0o600)
    return Tombstones.load(settings)


def keyed(settings: Settings) -> Tombstones:
    """Return the home's tombstones with a key to hash by, made now where nobody has been erased yet."""
    found = Tombstones.load(settings)
    if found:
        return found
    path = settings.erasure / KEY
    if not path.is_file():
        settings.erasure.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_bytes(path, secrets.token_hex(_KEY_BYTES).encode())
        path.chmod(0o600)
    return Tombstones(bytes.fromhex(path.read_text()), frozenset(), found.stamp)


def _words(text: str) -> Iterator[str]:
    for quoted in _QUOTED.findall(text):
        yield quoted
        if "\\" in quoted:
            yield _unescaped(quoted)
    yield from _WORD.findall(text)
    for word in _WORD.findall(text):
        yield word.strip(":.!?")


def _unescaped(quoted: str) -> str:
    try:
        return str(json.loads(f'"{quoted}"'))
    except ValueError:
        return quoted


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_size
