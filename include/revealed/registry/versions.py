"""Read the registry: which versions there are, which one is in service, and its files, verified."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from revealed.durable import publish_directory, remove_tree, sha256_file
from revealed.errors import DamagedModelError, NothingPublishedError, RegistryError
from revealed.registry.client import MODEL_NAME, is_empty, registry
from revealed.settings import Settings

CHALLENGER, CHAMPION, PREVIOUS = "challenger", "champion", "previous_champion"
SHA256 = "sha256/"
# The tag of a version whose dataset is gone because somebody was erased; its value is the receipt's name.
DATASET_ERASED = "dataset_erased"


@dataclass(frozen=True)
class ModelVersion:
    """One version of the registered model: MLflow's number, its run, the aliases it holds, and our tags."""

    version: str
    run_id: str
    aliases: tuple[str, ...]
    tags: dict[str, str]

    @property
    def model_id(self) -> str:
        """The model's id: the name of its folder under `models/`."""
        return self.tags["model_id"]

    @property
    def as_of(self) -> datetime:
        """The moment up to which the model's data knows, UTC without a zone."""
        return datetime.fromisoformat(self.tags["as_of"])

    @property
    def decision(self) -> str | None:
        """`promoted`, `rejected` or `rolled_back`; None while nobody has decided."""
        return self.tags.get("decision")


def read_model_version(settings: Settings, alias_or_version: str) -> ModelVersion:
    """Return a version by its number, or by an alias: `challenger`, `champion`, `previous_champion`.

    Raises:
        RegistryError: there is no such version, or MLflow is out of reach.
    """
    with registry(settings) as client:
        if alias_or_version.isdigit():
            return as_version(client.get_model_version(MODEL_NAME, alias_or_version))
        found = holder(client, alias_or_version)
    if found is None:
        raise RegistryError(
            f"no model version is called {alias_or_version!r}",
            where=MODEL_NAME,
            remedy="train one with the DAG train_recommender, or look in MLflow which versions there are",
        )
    return found


def current_champion(settings: Settings) -> ModelVersion | None:
    """Return the version in service; None when no model has been approved yet.

    Raises:
        RegistryError: MLflow is out of reach.
    """
    if is_empty(settings):
        return None
    with registry(settings) as client:
        return holder(client, CHAMPION)


def require_champion(settings: Settings) -> ModelVersion:
    """Return the version in service.

    Raises:
        NothingPublishedError: no model has been approved yet.
        RegistryError: MLflow is out of reach.
    """
    champion = current_champion(settings)
    if champion is None:
        raise NothingPublishedError(
            "no model has been approved yet, so there is nothing to publish",
            where="MLflow's alias `champion`",
            remedy="approve the challenger in Airflow's required actions, or `revealed model approve`",
        )
    return champion


def has_champion(settings: Settings) -> bool:
    """Return whether a model has been approved."""
    return current_champion(settings) is not None


def list_versions(settings: Settings) -> list[ModelVersion]:
    """Return every version, the newest first."""
    if is_empty(settings):
        return []
    with registry(settings) as client:
        found = client.search_model_versions(f"name = '{MODEL_NAME}'", max_results=1_000)
        # MLflow's search leaves the aliases out.
        holders = {alias: holder(client, alias) for alias in (CHALLENGER, CHAMPION, PREVIOUS)}
    aliases = {
        version.version: tuple(
            alias for alias, held in holders.items() if held and held.version == version.version
        )
        for version in map(as_version, found)
    }
    versions = [replace(as_version(version), aliases=aliases[str(version.version)]) for version in found]
    return sorted(versions, key=lambda version: -int(version.version))


def last_trained(settings: Settings) -> datetime | None:
    """Return the as-of moment of the newest data that any model was trained on, UTC without a zone; None at first."""
    moments = [version.as_of for version in list_versions(settings) if "as_of" in version.tags]
    return max(moments, default=None)


def fetch_model(settings: Settings, alias_or_version: str) -> Path:
    """Return the folder of a version's files under `models/`, each checked against the SHA-256 in the version's tags.

    Where the folder is missing or damaged it is fetched from MLflow's artifacts again.

    Raises:
        RegistryError: there is no such version, or MLflow is out of reach.
        DamagedModelError: the artifacts are not the ones that were registered.
    """
    version = read_model_version(settings, alias_or_version)
    expected = {
        name.removeprefix(SHA256): digest for name, digest in version.tags.items() if name.startswith(SHA256)
    }
    folder = settings.models / version.model_id
    if not expected:
        raise DamagedModelError(
            f"version {version.version} carries no checksums, so that it was not registered whole",
            where=MODEL_NAME,
            remedy="train again: the DAG train_recommender",
        )
    if damaged_file(folder, expected) is not None:
        _download(settings, version, folder, expected)
    return folder


def damaged_file(folder: Path, expected: Mapping[str, str]) -> str | None:
    """Return the name of the first file that is missing or changed; None when the folder is whole."""
    for name, digest in sorted(expected.items()):
        path = folder / name
        if not path.is_file() or sha256_file(path) != digest:
            return name
    return None


def as_version(found: Any) -> ModelVersion:
    """Return our view of MLflow's model version."""
    return ModelVersion(str(found.version), str(found.run_id), tuple(found.aliases), dict(found.tags))


def holder(client: Any, alias: str) -> ModelVersion | None:
    """Return the version that holds `alias`; None when none does."""
    from mlflow.exceptions import MlflowException

    try:
        return as_version(client.get_model_version_by_alias(MODEL_NAME, alias))
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def _download(settings: Settings, version: ModelVersion, folder: Path, expected: Mapping[str, str]) -> None:
    staged = settings.models / f".fetched.{os.getpid()}"
    remove_tree(staged)
    staged.mkdir(parents=True)
    try:
        with registry(settings) as client:
            fetched = Path(client.download_artifacts(version.run_id, "model", str(staged)))
        damaged = damaged_file(fetched, expected)
        if damaged is not None:
            raise DamagedModelError(
                f"the registered file of version {version.version} is missing or was changed since",
                where=str(fetched / damaged),
                remedy="roll back to another version, or train again; what is in service is not touched",
            )
        remove_tree(folder)
        publish_directory(fetched, folder)
    finally:
        remove_tree(staged)
