"""What a reader wants of a reward model that was trained before: card, figures, and where its scores are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from revealed.durable import sha256_file
from revealed.errors import DamagedModelError, MissingInputError, NoDataError
from revealed.registry.client import is_empty, registry
from revealed.reward.model import load_reward
from revealed.reward.registering import NEWEST, REWARD_MODEL_NAME
from revealed.reward.scores import SCORES, ScoresManifest, read_scores_manifest, scores_folder
from revealed.settings import Settings


@dataclass(frozen=True)
class ShownReward:
    """A reward model as it was trained; `report` is its `evaluation.json`, `card` Markdown."""

    model_id: str
    card: str
    report: dict[str, Any]
    scores: ScoresManifest
    scores_path: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, without the card."""
        named = {
            "model_id": self.model_id,
            "scores": dict(vars(self.scores)),
            "scores_path": self.scores_path,
        }
        return named | self.report


def read_reward(settings: Settings, model_id: str | None = None) -> ShownReward:
    """Return a reward model by its id, the one registered last without, after checking its files and its scores.

    Raises:
        NoDataError: none has been trained, or this one has scored nothing.
        MissingInputError: there is no such model.
        DamagedModelError, DamagedFileError: a file is not the one that was written.
    """
    name = model_id or newest_reward(settings)
    folder = settings.models / name
    if not folder.is_dir():
        raise MissingInputError(
            f"there is no reward model {name}", where=str(folder), remedy="`revealed reward train` trains one"
        )
    _, saved = load_reward(folder)
    card, report = (_checked(folder, saved.card, file) for file in ("card.md", "evaluation.json"))
    scores = read_scores_manifest(settings, name)
    path = scores_folder(settings, name) / SCORES
    return ShownReward(name, card.decode(), json.loads(report), scores, str(path))


def newest_reward(settings: Settings) -> str:
    """Return the id of the reward model that was registered last.

    Raises:
        NoDataError: none has been trained.
        RegistryError: MLflow is out of reach.
    """
    versions: list[Any] = []
    if not is_empty(settings):
        with registry(settings) as client:
            versions = list(client.search_model_versions(f"name = '{REWARD_MODEL_NAME}'", max_results=1_000))
            if versions:
                newest = client.get_model_version_by_alias(REWARD_MODEL_NAME, NEWEST)
                return str(newest.tags["model_id"])
    raise NoDataError(
        "no reward model has been trained yet", where=REWARD_MODEL_NAME, remedy="run `revealed reward train`"
    )


def _checked(folder: Path, card: dict[str, Any], name: str) -> bytes:
    path = folder / name
    if not path.is_file() or sha256_file(path) != card["sha256"].get(name):
        raise DamagedModelError(
            "the file's SHA-256 is not the card's",
            where=str(path),
            remedy="train again: `revealed reward train`",
        )
    return path.read_bytes()
