"""One training: freeze what is compared, compare it, fit the chosen model on everything, and register it for review."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from revealed.durable import canonical_json, exclusive_lock
from revealed.evaluation import Comparison
from revealed.evaluation.plots import comparison_plots
from revealed.feedback import DatasetManifest, read_dataset
from revealed.feedback.revision import code_revision
from revealed.progress import Progress, quiet
from revealed.settings import Settings
from revealed.training.als import ImplicitALS
from revealed.training.artifact import SavedModel, save_model
from revealed.training.candidates import CHAMPION, Trial, fit_with_retreat, hold_trial
from revealed.training.champion import ChampionEntry, enter_champion
from revealed.training.device import Device, choose_device
from revealed.training.matrix import read_interactions
from revealed.training.popularity import Popularity
from revealed.training.protocol import Recommender, create
from revealed.training.tuning import Tuning, tune


@dataclass(frozen=True)
class TrainingResult:
    """A registered challenger. `version` is MLflow's number of it; the addresses open its run and version pages."""

    version: str
    model_id: str
    model: str
    because: str
    dataset_version: str
    as_of: str
    device: str
    device_reason: str
    run_id: str
    run_url: str
    version_url: str
    comparison: Comparison

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return dict(vars(self)) | {"comparison": self.comparison.to_dict()}


@dataclass(frozen=True)
class Training:
    """What one training produced before it is registered."""

    dataset: DatasetManifest
    saved: SavedModel
    trial: Trial
    champion: ChampionEntry | None
    candidates: dict[str, Recommender]
    tuning: Tuning
    device: Device
    users: int
    pairs: int


def train_challenger(
    settings: Settings,
    dataset_version: str | None = None,
    *,
    airflow_run_url: str | None = None,
    progress: Progress = quiet,
) -> TrainingResult:
    """Train on a dataset (the newest by default), register the result in MLflow and tag it `challenger`.

    Raises:
        NoDataError: there is no dataset, or too little in it to learn from or to test on.
        RegistryError: MLflow is out of reach; the model stays in `models/`, and training again registers it.
        LockedError: another process is training.
    """
    from revealed.registry import register_challenger

    with exclusive_lock(settings.locks / "training.lock", "train a model"):
        training = train(settings, dataset_version, progress=progress)
        progress("registering the challenger in MLflow")
        registered = register_challenger(
            settings,
            training,
            airflow_run_url=airflow_run_url,
            code_revision=code_revision(settings.project_root),
        )
    return TrainingResult(
        version=registered.version,
        model_id=training.saved.model_id,
        model=training.trial.chosen,
        because=training.trial.because,
        dataset_version=training.dataset.version,
        as_of=training.dataset.as_of.isoformat(),
        device=training.device.name,
        device_reason=training.device.reason,
        run_id=registered.run_id,
        run_url=registered.run_url,
        version_url=registered.version_url,
        comparison=training.trial.comparison,
    )


def train(settings: Settings, dataset_version: str | None = None, *, progress: Progress = quiet) -> Training:
    """Compare the candidates on the holdout, fit the chosen one on everything, and save it under `models/`."""
    from revealed.registry.model_card import CardFacts
    from revealed.registry.presentation import presentation

    progress("reading the feedback dataset")
    dataset = read_dataset(settings, dataset_version)
    fold = read_interactions(settings, dataset.file("fold_train.parquet"))
    device = choose_device(settings.device)
    progress("choosing the regularisation on the training fold")
    path = dataset.file("fold_train.parquet")
    tuning = tune(settings, fold, path, dataset.split, dataset.holdout_days, device)
    candidates: dict[str, Recommender] = {
        "als": ImplicitALS(**tuning.parameters),
        "popularity": Popularity(),
    }
    for name, model in candidates.items():
        progress(f"fitting {name} on what was known on {dataset.split:%Y-%m-%d}")
        device = fit_with_retreat(model, fold, device)
    champion = enter_champion(settings, dataset, fold, device)
    contenders = candidates | ({CHAMPION: champion.model} if champion else {})
    progress(f"comparing {', '.join(contenders)} on the {dataset.holdout_days} days after it")
    trial = hold_trial(settings, dataset, fold, contenders)
    progress(f"fitting {trial.chosen} on everything known on {dataset.as_of:%Y-%m-%d}")
    full = read_interactions(settings, dataset.file("interactions.parquet"))
    final = create(trial.chosen, candidates[trial.chosen].parameters)
    device = fit_with_retreat(final, full, device)
    progress("writing the model card, and sample lists with their reasons")
    revision = code_revision(settings.project_root)
    facts = CardFacts(dataset, final, full, trial, champion, tuning, device, revision)
    saved = _save(settings, dataset, final, trial, champion, tuning, presentation(facts))
    return Training(
        dataset, saved, trial, champion, candidates, tuning, device, len(full.users), int(full.confidence.nnz)
    )


def _save(
    settings: Settings,
    dataset: DatasetManifest,
    model: Recommender,
    trial: Trial,
    champion: ChampionEntry | None,
    tuning: Tuning,
    pages: dict[str, bytes],
) -> SavedModel:
    lineage = {
        "dataset_version": dataset.version,
        "as_of": dataset.as_of.isoformat(),
        "split": dataset.split.isoformat(),
        "policy_version": dataset.policy_version,
    }
    evaluation = {
        "chosen": trial.chosen,
        "because": trial.because,
        "newcomers": trial.newcomers,
        "champion": champion.to_dict() if champion else None,
        "dataset": lineage | {"is_audited": dataset.is_audited},
        "comparison": trial.comparison.to_dict(),
        "tuning": {"how": tuning.how, "ndcg@10": {f"{at:g}": score for at, score in tuning.scores.items()}},
    }
    reports = {"evaluation.json": canonical_json(evaluation)} | comparison_plots(trial.comparison)
    return save_model(settings.models, model, lineage, reports, pages)
