"""Datasets that are gone because they held a person who was erased: what to say to whoever asks for one."""

from __future__ import annotations

import json

from revealed.errors import MissingInputError
from revealed.settings import Settings

ERASED = "erased.json"


def refuse_erased(settings: Settings, version: str) -> None:
    """Return where no erased dataset begins with `version`.

    Raises:
        MissingInputError: one does; the message says when and by which erasure it went, and what took its place.
    """
    path = settings.datasets / ERASED
    if not path.is_file():
        return
    for name, note in json.loads(path.read_bytes()).items():
        if name.startswith(version):
            raise MissingInputError(
                f"dataset {name} (as of {note['as_of']}) held a person who was erased, and was removed"
                f" on {note['erased_at'][:10]}",
                where=f"erasure/receipts/{note['receipt']}.json",
                remedy=f"read {note['replaced_by']}, which was written without the person"
                if note["replaced_by"]
                else "`revealed dataset list` says which there are",
            )
