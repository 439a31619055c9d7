"""The query tables on disk: one folder a generation, a pointer to the newest, and who was asked what lately."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from revealed.active_learning.asked import read_asked
from revealed.durable import remove_tree, sha256_file, write_bytes
from revealed.errors import DamagedFileError, NothingPublishedError
from revealed.settings import Settings

QUERIES, MANIFEST, CURRENT = "queries.parquet", "manifest.json", "CURRENT"


@dataclass(frozen=True)
class QueryBudget:
    """How much people may be asked.

    Attributes:
        pairs: questions in one table.
        per_person: of these, for one person.
        pair_cooldown_days: so long nobody is asked about the same item again, in days of data.
        person_cooldown_days: so long a person who was asked anything is left in peace.
    """

    pairs: int = 1_000
    per_person: int = 3
    pair_cooldown_days: int = 90
    person_cooldown_days: int = 7


@dataclass(frozen=True)
class QueriesManifest:
    """One published table: from which model and data, under which budget, and its bytes.

    `candidates` is how many pairs could have been asked, `sigma2` the noise that the posterior was scaled by,
    `people_share` the share of those who may be asked that was looked at.
    """

    generation: int
    as_of: str
    model_version: str
    model_id: str
    dataset_version: str
    budget: dict[str, Any]
    slate: int
    seed: int
    rows: int
    people: int
    reasons: dict[str, int]
    candidates: int
    sigma2: float
    people_share: float
    sha256: str
    bytes: int
    created_at: str

    @property
    def fingerprint(self) -> tuple[Any, ...]:
        """What the table is a function of, beside the tables before it."""
        return (
            self.model_id,
            self.dataset_version,
            tuple(sorted(self.budget.items())),
            self.slate,
            self.seed,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def queries_root(settings: Settings) -> Path:
    """Return where query tables are published."""
    return settings.published / "queries"


def folder_of(settings: Settings, generation: int) -> Path:
    """Return where a generation is kept."""
    return queries_root(settings) / f"{generation:06d}"


def current_queries(settings: Settings) -> tuple[QueriesManifest, list[dict[str, Any]]]:
    """Return the table that the product is to ask now: what it is, and its rows.

    Raises:
        NothingPublishedError: none has been published.
        DamagedFileError: the file is not the one that was published.
    """
    found = list_queries(settings)
    if not found:
        raise NothingPublishedError(
            "no queries have been published yet",
            where=str(queries_root(settings)),
            remedy="run `revealed queries`",
        )
    return found[-1], read_rows(settings, found[-1])


def list_queries(settings: Settings) -> list[QueriesManifest]:
    """Return every kept generation, the oldest first; files are not checked."""
    folders = sorted(path for path in queries_root(settings).glob("[0-9]*") if path.is_dir())
    return [_read_manifest(folder / MANIFEST) for folder in folders]


def read_rows(settings: Settings, manifest: QueriesManifest) -> list[dict[str, Any]]:
    """Return the rows of a table after checking its checksum.

    Raises:
        DamagedFileError: the file is missing or was changed.
    """
    path = folder_of(settings, manifest.generation) / QUERIES
    if not path.is_file() or sha256_file(path) != manifest.sha256:
        raise DamagedFileError(
            "this table is not the one that was published", where=str(path), remedy=f"delete {path.parent}"
        )
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


def lately_asked(
    settings: Settings, as_of: datetime, budget: QueryBudget
) -> tuple[set[str], set[tuple[str, str]]]:
    """Return the people, and the pairs of person and item, that cool down as of a moment of the data.

    Of a table that the gateway has asked from, what it logged counts, from when it was asked. Of any other all that was
    published counts, from the table's own moment, whether the product came to it or not: nobody is ever asked too often.

    Raises:
        DamagedFileError: a table or a raw file is gone or was changed.
    """
    longest = max(budget.person_cooldown_days, budget.pair_cooldown_days)
    asked = read_asked(settings, as_of, longest)
    found = [(as_of - question.occurred_at, question.user_id, question.item_id) for question in asked]
    logged = {question.generation for question in asked}
    for manifest in list_queries(settings):
        age = as_of - datetime.fromisoformat(manifest.as_of)
        if manifest.generation not in logged and age < timedelta(days=longest):
            found += [(age, row["user_id"], row["item_id"]) for row in read_rows(settings, manifest)]
    people, pairs = timedelta(days=budget.person_cooldown_days), timedelta(days=budget.pair_cooldown_days)
    return (
        {user for age, user, _ in found if age < people},
        {(user, item) for age, user, item in found if age < pairs},
    )


def put_in_service(settings: Settings, manifest: QueriesManifest) -> None:
    """Point `CURRENT` at a generation, and remove generations that are out of count and out of every cool-down."""
    write_bytes(queries_root(settings) / CURRENT, f"{manifest.generation:06d}\n".encode())
    now = datetime.fromisoformat(manifest.as_of)
    for old in list_queries(settings)[: -settings.keep_generations]:
        days = max(
            int(found["budget"][name])
            for found in (old.to_dict(), manifest.to_dict())
            for name in ("pair_cooldown_days", "person_cooldown_days")
        )
        if now - datetime.fromisoformat(old.as_of) >= timedelta(days=days):
            remove_tree(folder_of(settings, old.generation))


def _read_manifest(path: Path) -> QueriesManifest:
    try:
        return QueriesManifest(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise DamagedFileError(
            f"the manifest of a query table cannot be read ({error})",
            where=str(path),
            remedy=f"delete {path.parent}; who was asked then is then forgotten",
        ) from error
