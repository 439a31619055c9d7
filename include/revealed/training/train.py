"""One training: freeze what is compared, compare it, fit the chosen model on everything, and register it for review."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from revealed.durable import canonical_json, exclusive_lock
from revealed.evaluation import Comparison
from revealed.evaluation.plots import comparison_plots
from revealed.feedback import DatasetManifest, read_dataset
from revealed.feedback.revision import code_revision
from revealed.progress import Progress, quiet
from revealed.settings import Settings
from revealed.training.artifact import SavedModel, save_model
from revealed.training.candidates import CHAMPION, Trial, hold_trial
from revealed.training.champion import ChampionEntry, enter_champion
from revealed.training.contenders import Contenders, fit_contenders, refresh_contenders
from revealed.training.device import Device, choose_device
from revealed.training.known import known_at_end, known_at_split
from revealed.training.protocol import Recommender
from revealed.training.recency import Recency
from revealed.training.refresh import Fit, decide_fit, refreshed, twin_files
from revealed.training.request import TrainingRequest

if TYPE_CHECKING:
    from revealed.registry.model_card import CardFacts


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
    contenders: Contenders
    fit: Fit
    device: Device
    users: int
    pairs: int


def train_challenger(
    settings: Settings,
    dataset_version: str | None = None,
    *,
    request: TrainingRequest | None = None,
    airflow_run_url: str | None = None,
    progress: Progress = quiet,
) -> TrainingResult:
    """Train on a dataset (the newest by default), register the result in MLflow and tag it `challenger`.

    Args:
        settings: where everything is.
        dataset_version: another dataset than the newest.
        request: who competes, how much is searched, refresh or full fit; the settings' by default.
        airflow_run_url: of the run that trains, for the reviewer.
        progress: told at each step.

    Raises:
        NoDataError: there is no dataset, or too little in it to learn from or to test on.
        InvalidInputError: `rules.toml` says what cannot be followed, so that nobody can tell how lists would be served.
        RegistryError: MLflow is out of reach; the model stays in `models/`, and training again registers it.
        LockedError: another process is training.
    """
    from revealed.registry import assess_challenger, record_gates, register_challenger

    with exclusive_lock(settings.locks / "training.lock", "train a model"):
        training = train(settings, dataset_version, request=request, progress=progress)
        progress("registering the challenger in MLflow")
        registered = register_challenger(
            settings,
            training,
            airflow_run_url=airflow_run_url,
            code_revision=code_revision(settings.project_root),
        )
        progress("weighing the gates")
        record_gates(settings, assess_challenger(settings, registered.version))
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


def train(
    settings: Settings,
    dataset_version: str | None = None,
    *,
    request: TrainingRequest | None = None,
    progress: Progress = quiet,
) -> Training:
    """Compare the contenders on the holdout, fit the chosen one on everything, and save it under `models/`."""
    from revealed.publishing.service import read_service
    from revealed.registry.model_card import CardFacts

    progress("reading the feedback dataset")
    dataset = read_dataset(settings, dataset_version)
    service = read_service(
        settings, dataset
    )  # rules that cannot be followed are told before anything is fitted
    request = request or TrainingRequest.of(settings)
    times = Recency.name in request.names(dataset.rows_of("fold_train.parquet"))
    known = known_at_split(settings, dataset, times=times)
    start, fit = decide_fit(settings, dataset, request)
    progress(f"{fit.how} fit: {fit.because}")
    device = choose_device(settings.device)
    if start is None:
        found = fit_contenders(settings, dataset, known.data, request, device, progress)
        champion = enter_champion(settings, dataset, known.data, found.device)
    else:
        found = refresh_contenders(start, known.data, device, progress)
        champion = ChampionEntry(start.version, start.twin.name, "evaluation_twin", start.twin)
    entered = found.models | ({CHAMPION: champion.model} if champion else {})
    progress(f"comparing {', '.join(entered)} on the {dataset.holdout_days} days after it")
    trial = hold_trial(settings, dataset, known, entered, service)
    progress(f"fitting {trial.chosen} on everything known on {dataset.as_of:%Y-%m-%d}")
    full = known_at_end(settings, dataset, times=trial.chosen == Recency.name).data
    twin = found.models[trial.chosen]
    final, device = refreshed(twin, twin.parameters, full, found.device, progress)
    progress("writing the model card, and sample lists with their reasons")
    revision = code_revision(settings.project_root)
    tuning = found.tunings[trial.chosen]
    facts = CardFacts(dataset, final, full, trial, champion, tuning, fit, device, revision)
    saved = _save(settings, facts, twin, found)
    pairs = int(full.confidence.nnz)
    return Training(dataset, saved, trial, champion, found, fit, device, len(full.users), pairs)


def _save(settings: Settings, facts: CardFacts, twin: Recommender, contenders: Contenders) -> SavedModel:
    from revealed.registry.presentation import presentation

    dataset, trial = facts.dataset, facts.trial
    lineage = {
        "dataset_version": dataset.version,
        "as_of": dataset.as_of.isoformat(),
        "split": dataset.split.isoformat(),
        "policy_version": dataset.policy_version,
    }
    losses = {name: model.history for name, model in contenders.models.items()}
    value = trial.off_policy.values.get(trial.chosen)
    reports = {
        "evaluation.json": canonical_json(_evaluation(facts, contenders, lineage)),
        **comparison_plots(trial.comparison, losses=losses, off_policy=value.to_dict() if value else None),
        **twin_files(settings.models, twin, lineage),
    }
    whole = lineage | {"fit": facts.fit.to_dict()}
    return save_model(settings.models, facts.model, whole, reports, presentation(facts))


def _evaluation(facts: CardFacts, contenders: Contenders, lineage: dict[str, Any]) -> dict[str, Any]:
    """Return what the gates read, and what a later look at the registration wants to know."""
    trial, champion = facts.trial, facts.champion
    return {
        "chosen": trial.chosen,
        "because": trial.because,
        "newcomers": trial.newcomers,
        "champion": champion.to_dict() if champion else None,
        "dataset": lineage | {"is_audited": facts.dataset.is_audited},
        "fit": facts.fit.to_dict(),
        "comparison": trial.comparison.to_dict(),
        "tiers": trial.tiers.to_dict(),
        "off_policy": trial.off_policy.to_dict(),
        "tuning": {
            name: {"how": found.how, "tried": found.tried} for name, found in contenders.tunings.items()
        },
        "left_out": contenders.left_out,
    }
