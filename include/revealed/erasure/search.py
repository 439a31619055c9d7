"""Is the id's last byte gone? Every file under `REVEALED_HOME`, as bytes and decoded."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from revealed.erasure.containers import UnreadableError, count_decoded, count_in_stream, kind_of
from revealed.erasure.needles import Needles
from revealed.errors import ErasureIncompleteError
from revealed.progress import Progress, quiet
from revealed.settings import Settings

_TELL_EVERY = 200
_NAMED = 5


@dataclass(frozen=True)
class Hit:
    """A file in which an id stands, or which could not be searched (`unread` says why).

    Attributes:
        path: the file.
        kind: what it is: `parquet`, `gzip`, `duckdb`, ... or `bytes`.
        places: how often it stands where: in the `bytes` as they are, in a column, in an archive's member.
    """

    path: Path
    kind: str
    places: dict[str, int] = field(default_factory=dict)
    unread: str = ""

    @property
    def count(self) -> int:
        """How often the ids were found, in the place that has most of them: bytes and columns tell the same twice."""
        return max(self.places.values(), default=0)


def files_of(home: Path) -> Iterator[Path]:
    """Yield every regular file under the home, hidden ones too; links are not followed, what they lead to is here."""
    for folder, _, names in os.walk(home):
        for name in sorted(names):
            path = Path(folder) / name
            if path.is_file() and not path.is_symlink():
                yield path


def search_home(settings: Settings, needles: Needles, *, progress: Progress = quiet) -> list[Hit]:
    """Return every file under `REVEALED_HOME` in which one of the ids stands, or that could not be searched."""
    files = sorted(files_of(settings.home))
    hits = []
    for number, path in enumerate(files, start=1):
        if number % _TELL_EVERY == 0:
            progress("searching files", number, len(files))
        hits += search_file(settings, path, needles)
    return hits


def search_file(settings: Settings, path: Path, needles: Needles) -> list[Hit]:
    """Return one hit, or none; a file that goes while it is looked at holds nothing any more."""
    try:
        kind = kind_of(path)
        places, unread = {"bytes": _in_bytes(path, needles)}, ""
        try:
            places |= count_decoded(settings, path, kind, needles)
        except UnreadableError as error:
            unread = str(error)
    except FileNotFoundError:
        return []
    places = {place: count for place, count in places.items() if count}
    name = {"name": 1} if needles.in_text(path.name) else {}
    # Bytes that only look like a container are no container; what they are was searched as bytes.
    unread = unread if kind in ("duckdb", "sqlite") else ""
    return [Hit(path, kind, places | name, unread)] if places or name or unread else []


def require_none(hits: Iterable[Hit], home: Path) -> None:
    """Return where nothing was found.

    Raises:
        ErasureIncompleteError: an id still stands somewhere, or a file could not be searched; the message names files.
    """
    found = list(hits)
    if not found:
        return
    named = [
        f"{hit.path.relative_to(home)} ({hit.unread or ', '.join(f'{w} {n}' for w, n in hit.places.items())})"
        for hit in found[:_NAMED]
    ]
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    raise ErasureIncompleteError(
        f"the id was found in {len(found)} files, or they could not be searched: {'; '.join(named)}{more}",
        where=str(home),
        remedy="run `revealed erase` again once nothing else is at work here; a file that stays is to be removed by hand",
    )


def _in_bytes(path: Path, needles: Needles) -> int:
    """Return how often the ids stand in the file's bytes, also as JSON escapes."""
    size = path.stat().st_size
    if not size:
        return 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        found = len(needles.positions(data))
        if found or data.find(b"\\u00") < 0:
            return found
        return count_in_stream(file, needles)
