"""Which feedback datasets may go: immutable does not mean for ever."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from revealed.durable import exclusive_lock, remove_tree
from revealed.feedback.dataset import LOCK, find_dataset, list_datasets
from revealed.settings import Settings


def prune_datasets(settings: Settings, in_use: Collection[str]) -> list[Path]:
    """Remove the datasets that nothing names and that are not among the newest; return their folders.

    Kept are the `keep_datasets` newest by what they know, the one that the next training would read, and every
    version in `in_use`. A dataset goes in one step: a killed removal leaves no half of one behind.

    Raises:
        LockedError: another process writes a dataset.
    """
    with exclusive_lock(settings.locks / LOCK, "remove old feedback datasets"):
        found = list_datasets(settings)
        if not found:
            return []
        newest = {manifest.version for manifest in found[-settings.keep_datasets :]}
        kept = newest | set(in_use) | {find_dataset(settings).version}
        doomed = [manifest.path for manifest in found if manifest.version not in kept]
        for folder in doomed:
            # Hidden first, under the name that the next writer clears away should this process die here.
            hidden = folder.with_name(f".staged.{os.getpid()}.{folder.name}")
            folder.rename(hidden)
            remove_tree(hidden)
    return doomed
