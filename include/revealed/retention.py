"""What old data is still needed for: the one place that knows every stage that names a dataset."""

from __future__ import annotations

from pathlib import Path

from revealed.feedback import prune_datasets
from revealed.publishing import list_snapshots
from revealed.registry import list_versions
from revealed.settings import Settings


def clear_old_datasets(settings: Settings) -> list[Path]:
    """Remove old datasets that no registered model and no kept snapshot was made from; return their folders.

    Raises:
        RegistryError: MLflow is out of reach, so that nobody knows which are in use: nothing is removed.
        LockedError: another process writes a dataset.
    """
    trained = {version.tags.get("dataset_version", "") for version in list_versions(settings)}
    served = {str(snapshot["dataset_version"]) for snapshot in list_snapshots(settings)}
    return prune_datasets(settings, trained | served)
