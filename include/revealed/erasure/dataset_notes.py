"""What is remembered of a dataset that was removed because it held an erased person: enough to say why it is gone."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Any

from revealed.clock import utc_now
from revealed.durable import write_json
from revealed.feedback.dataset import list_datasets
from revealed.feedback.erased import ERASED
from revealed.feedback.manifest import DatasetManifest
from revealed.registry.client import MODEL_NAME, registry
from revealed.registry.versions import DATASET_ERASED, list_versions
from revealed.settings import Settings


def note_erased(settings: Settings, doomed: Iterable[DatasetManifest], fresh: str, receipt: str) -> None:
    """Note in `datasets/erased.json`, and at the models that were trained on them, that datasets are about to go.

    Args:
        settings: where everything is.
        doomed: the datasets.
        fresh: the version that was written instead; empty where none could be.
        receipt: the name of the erasure's receipt.

    Raises:
        RegistryError: MLflow is out of reach, so that models would name a dataset that nobody can explain.
    """
    path = settings.datasets / ERASED
    notes: dict[str, Any] = json.loads(path.read_bytes()) if path.is_file() else {}
    new = {
        manifest.version: {
            "as_of": manifest.as_of.isoformat(),
            "rows": manifest.rows,
            "erased_at": utc_now().isoformat(),
            "replaced_by": fresh,
            "receipt": receipt,
        }
        for manifest in doomed
    }
    write_json(path, new | notes)
    kept = {manifest.version for manifest in list_datasets(settings)} - new.keys()
    _tag_models(settings, kept, receipt)


def _tag_models(settings: Settings, kept: Collection[str], receipt: str) -> None:
    """Tag the versions whose data is gone: of what was pruned before nobody can say that the person was not in it."""
    concerned = [
        found
        for found in list_versions(settings)
        if found.tags.get("dataset_version") not in kept and DATASET_ERASED not in found.tags
    ]
    if not concerned:
        return
    with registry(settings) as client:
        for found in concerned:
            client.set_model_version_tag(MODEL_NAME, found.version, DATASET_ERASED, receipt)
