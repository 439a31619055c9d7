"""The questions in service: the newest query table, by person."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from revealed.active_learning.published import QueriesManifest, current_queries
from revealed.settings import Settings


@dataclass(frozen=True)
class Questions:
    """One query table: what it is, and each person's rows, the most informative first."""

    manifest: QueriesManifest
    by_person: dict[str, list[dict[str, Any]]]

    def of(self, person: str) -> list[dict[str, Any]]:
        """Return a person's questions; none for somebody who is not to be asked."""
        return self.by_person.get(person, [])


def read_questions(settings: Settings) -> Questions:
    """Return the table in service, its bytes checked.

    Raises:
        NothingPublishedError: none has been published.
        DamagedFileError: the file is not the one that was published.
    """
    manifest, rows = current_queries(settings)
    by_person: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row["user_id"], row["rank"])):
        by_person[row["user_id"]].append(row)
    return Questions(manifest, dict(by_person))
