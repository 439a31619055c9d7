"""One training of the reward model: judge it on people and days apart, fit it on all pairs, score all showings, register."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from revealed.durable import canonical_json, exclusive_lock
from revealed.feedback import DatasetManifest, read_dataset
from revealed.progress import Progress, quiet
from revealed.reward.evaluate import RewardEvaluation, evaluate_reward
from revealed.reward.history import FEATURES
from revealed.reward.model import RewardModel, fit_reward, save_reward
from revealed.reward.outcomes import judge_outcomes
from revealed.reward.pairs import PairTable, opened, read_pairs
from revealed.reward.registering import register_reward
from revealed.reward.report import reward_card
from revealed.reward.scores import ScoresManifest, scores_folder, write_scores
from revealed.settings import Settings
from revealed.training.artifact import SavedModel


@dataclass(frozen=True)
class RewardResult:
    """A registered reward model: MLflow's version of it, what the test says, and where the scores are."""

    version: str
    model_id: str
    dataset_version: str
    as_of: str
    run_id: str
    run_url: str
    evaluation: RewardEvaluation
    outcomes: dict[str, Any]
    weights: dict[str, float]
    scores: ScoresManifest
    scores_path: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        parts = {"evaluation": self.evaluation.to_dict(), "scores": dict(vars(self.scores))}
        return dict(vars(self)) | parts


def train_reward(
    settings: Settings, dataset_version: str | None = None, *, progress: Progress = quiet
) -> RewardResult:
    """Train on a dataset's pairs (the newest by default), score what was shown, and register `revealed-reward`.

    Training again on the same dataset and warehouse gives the same model, writes and registers nothing anew.

    Raises:
        NoDataError: no dataset, or too few pairs.
        NothingPublishedError: no warehouse is published, from which what was known when is read.
        StaleError: the warehouse in service does not know the dataset's requests.
        RegistryError: MLflow is out of reach; model and scores stay, and training again registers them.
        LockedError: another process is training a reward model.
    """
    with exclusive_lock(settings.locks / "reward.lock", "train a reward model"):
        dataset = read_dataset(settings, dataset_version)
        progress("reading what was known when")
        with opened(settings, dataset) as (con, history):
            progress(f"reading the pairs of dataset {dataset.version}")
            pairs = read_pairs(con, history, dataset)
            progress(f"fitting and judging {len(pairs):,} pairs")
            judged, evaluation, parts = evaluate_reward(pairs)
            outcomes = judge_outcomes(con, history, judged, parts.at)
            model = _final(pairs, judged)
            saved = _save(settings, dataset, model, evaluation, outcomes)
            scores = write_scores(settings, con, history, dataset, model, saved.model_id, progress)
        progress("registering the reward model in MLflow")
        registered = register_reward(settings, saved, dataset, evaluation, outcomes, weights_of(model))
    return RewardResult(
        version=registered.version,
        model_id=saved.model_id,
        dataset_version=dataset.version,
        as_of=dataset.as_of.isoformat(),
        run_id=registered.run_id,
        run_url=registered.run_url,
        evaluation=evaluation,
        outcomes=outcomes,
        weights=weights_of(model),
        scores=scores,
        scores_path=str(scores_folder(settings, saved.model_id)),
    )


def weights_of(model: RewardModel) -> dict[str, float]:
    """Return each feature's weight for one spread of its difference, in log odds after calibration."""
    values = (model.weights / model.temperature).tolist()
    return dict(zip(FEATURES, values, strict=True))


def _final(pairs: PairTable, judged: RewardModel) -> RewardModel:
    """The recipe on all pairs, as with recommenders; the temperature is the judged one's, for no pair is left to find it."""
    return replace(fit_reward(pairs.differences(), pairs.weight), temperature=judged.temperature)


def _save(
    settings: Settings,
    dataset: DatasetManifest,
    model: RewardModel,
    evaluation: RewardEvaluation,
    outcomes: dict[str, Any],
) -> SavedModel:
    lineage = {
        "dataset_version": dataset.version,
        "as_of": dataset.as_of.isoformat(),
        "policy_version": dataset.policy_version,
        "warehouse_generation": dataset.warehouse.get("generation"),
    }
    weights = weights_of(model)
    found = {"evaluation": evaluation.to_dict(), "outcomes": outcomes, "weights": weights, "dataset": lineage}
    card = reward_card(lineage, evaluation, outcomes, weights)
    reports = {"evaluation.json": canonical_json(found), "card.md": card.encode()}
    return save_reward(settings.models, model, lineage, reports)
