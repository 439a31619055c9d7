"""What holds a person before anything changes: rows of raw by log, files by place, versions by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from revealed.erasure.needles import Needles
from revealed.erasure.raw import count_raw
from revealed.erasure.search import Hit, search_home
from revealed.landing import read_ledger
from revealed.progress import Progress
from revealed.registry import list_versions
from revealed.settings import Settings

LEDGER_COUNTS = ("received", "accepted", "duplicate", "quarantined", "erased")


def count_person(settings: Settings, needles: Needles, progress: Progress) -> dict[str, Any]:
    """Return what an erasure would find; changes nothing.

    `raw` has rows by log; `files` has how many files hold the ids in each folder of the home; `versions` names what is
    removed or written again (`warehouse`, `datasets`, `snapshots`, `queries`) and the registered `models` that were trained
    on one of these datasets; `ledger` sums the accounting up before anything changes.
    """
    hits = [
        hit
        for hit in search_home(settings, needles, progress=progress)
        if not _is_erasure(settings, hit.path)
    ]
    versions = versions_of(settings, hits)
    trained = [
        found.version
        for found in list_versions(settings)
        if found.tags.get("dataset_version") in set(versions["datasets"])
    ]
    return {
        "raw": count_raw(settings, needles, progress),
        "files": dict(sorted(Counter(_place(settings, hit.path) for hit in hits).items())),
        "versions": versions | {"models": sorted(trained, key=int)},
        "ledger": ledger_sums(settings),
    }


def ledger_sums(settings: Settings) -> dict[str, int]:
    """Return the ledger's counts over all files: `received = accepted + duplicate + quarantined + erased`."""
    entries = read_ledger(settings)
    return {name: sum(getattr(entry, name) for entry in entries) for name in LEDGER_COUNTS}


def versions_of(settings: Settings, hits: Iterable[Hit]) -> dict[str, list[str]]:
    """Return the names of the versions that hold a hit, by what they are versions of."""
    roots = {
        "warehouse": settings.published / "warehouse",
        "datasets": settings.datasets,
        "snapshots": settings.published_recommendations,
        "queries": settings.published / "queries",
    }
    found: dict[str, set[str]] = {name: set() for name in roots}
    for hit in hits:
        for name, root in roots.items():
            if hit.path.is_relative_to(root) and hit.path.parent != root:
                found[name].add(hit.path.relative_to(root).parts[0])
    return {name: sorted(names) for name, names in found.items()}


def _place(settings: Settings, path: Path) -> str:
    parts = path.relative_to(settings.home).parts
    depth = 2 if parts[0] in ("published", "raw") and len(parts) > 2 else 1
    return "/".join(parts[:depth])


def _is_erasure(settings: Settings, path: Path) -> bool:
    return path.is_relative_to(settings.erasure)
