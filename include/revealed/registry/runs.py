"""Write a training into MLflow: a run for each candidate, and a registered version, tagged challenger, for the chosen one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from revealed.clock import utc_now
from revealed.durable import canonical_json, sha256_file
from revealed.registry.client import MODEL_NAME, experiment_id, registry
from revealed.registry.links import run_url, version_url
from revealed.registry.outcome_tables import outcome_sections
from revealed.registry.page_limit import RUN_NOTE_CHARACTERS, VERSION_CHARACTERS, fit_page
from revealed.registry.report import version_description
from revealed.registry.run_metrics import TRAINING_LOSS, comparison_metrics, loss_history
from revealed.registry.versions import CHALLENGER, SHA256, ModelVersion, as_version, holder
from revealed.settings import Settings
from revealed.training.sample_lists import SAMPLES_TABLE

if TYPE_CHECKING:
    from revealed.training.train import Training

# MLflow's own tags: the text of a run's page, and which artifacts are tables.
MLFLOW_RUN_NOTE, MLFLOW_TABLES = "mlflow.note.content", "mlflow.loggedArtifacts"


# What tells two runs of a model apart at a glance; the rest is in the run's parameters.
_IN_NAMES = {
    "factors": "f",
    "regularization": "reg",
    "unobserved": "alpha0",
    "learning_rate": "lr",
    "half_life_days": "days",
}


@dataclass(frozen=True)
class Registered:
    """A registered version: MLflow's number of it, its run, and the addresses of both pages."""

    version: str
    run_id: str
    run_url: str
    version_url: str


def register_challenger(
    settings: Settings, training: Training, *, airflow_run_url: str | None = None, code_revision: str
) -> Registered:
    """Log the training and return the registered version, which holds the alias `challenger` from then on.

    The alias comes last: a kill before it leaves the old challenger in place. Registering the same model
    again while nobody has decided about it changes nothing.

    Raises:
        RegistryError: MLflow is out of reach; the model stays in `models/`.
    """
    with registry(settings) as client:
        experiment = experiment_id(settings, client)
        version = _undecided(client, training.saved.model_id)
        if version is None:
            tags = _run_tags(training, airflow_run_url, code_revision)
            runs = {
                name: _log_run(client, experiment, training, name, tags)
                for name in training.contenders.models
            }
            run_id = runs[training.trial.chosen]
            description = version_description(
                training, run_id, airflow_run_url, outcome_sections(training.trial)
            )
            client.set_tag(run_id, MLFLOW_RUN_NOTE, fit_page(description, RUN_NOTE_CHARACTERS))
            version = _create_version(client, training, run_id, description)
            client.set_registered_model_alias(MODEL_NAME, CHALLENGER, version.version)
    return Registered(
        version=version.version,
        run_id=version.run_id,
        run_url=run_url(settings, experiment, version.run_id),
        version_url=version_url(settings, version.version),
    )


def _undecided(client: Any, model_id: str) -> ModelVersion | None:
    found = holder(client, CHALLENGER)
    return found if found and found.tags.get("model_id") == model_id and found.decision is None else None


def _run_tags(training: Training, airflow_run_url: str | None, code_revision: str) -> dict[str, str]:
    return {
        "mlflow.source.git.commit": code_revision.removesuffix("+changes"),
        "code_revision": code_revision,
        "device": training.device.name,
        "device_reason": training.device.reason,
        "dataset_version": training.dataset.version,
        "as_of": training.dataset.as_of.isoformat(),
        "split": training.dataset.split.isoformat(),
        "policy_version": training.dataset.policy_version,
        "fit": f"{training.fit.how}: {training.fit.because}",
        "airflow_run": airflow_run_url or "none: trained from the command line",
    }


def _log_run(client: Any, experiment: str, training: Training, name: str, tags: dict[str, str]) -> str:
    from mlflow.entities import Param

    is_chosen = name == training.trial.chosen
    parameters = training.contenders.models[name].parameters
    title = f"{_run_name(name, parameters)} {training.dataset.as_of:%Y-%m-%d}"
    run = client.create_run(
        experiment, run_name=title, tags=tags | {"model": name, "is_challenger": str(is_chosen).lower()}
    )
    run_id = str(run.info.run_id)
    client.log_batch(
        run_id,
        metrics=_metrics(training, name),
        params=[Param(key, str(value)) for key, value in sorted(({"model": name} | parameters).items())],
    )
    client.log_inputs(run_id, [_dataset_input(training)])
    if is_chosen:
        client.log_artifacts(run_id, str(training.saved.folder), "model")
        client.set_tag(run_id, MLFLOW_TABLES, _tables(training))
    client.set_terminated(run_id)
    return run_id


def _metrics(training: Training, name: str) -> list[Any]:
    from mlflow.entities import Metric

    now = int(utc_now().timestamp() * 1_000)
    comparison = training.trial.comparison
    values = comparison_metrics(comparison, name) | {
        "train_users": training.users,
        "train_pairs": training.pairs,
        "test_users": comparison.users,
        "test_pairs": comparison.test_pairs,
    }
    values |= _tuning_metrics(training, name)
    steps = loss_history(training.contenders.models[name])
    return [Metric(key, float(value), now, 0) for key, value in sorted(values.items())] + [
        Metric(TRAINING_LOSS, loss, now, sweep) for sweep, loss in steps
    ]


def _tables(training: Training) -> str:
    """Return which artifacts MLflow's pages show as tables."""
    tables = [SAMPLES_TABLE] if (training.saved.folder / SAMPLES_TABLE).is_file() else []
    return json.dumps([{"path": f"model/{path}", "type": "table"} for path in tables])


def _tuning_metrics(training: Training, name: str) -> dict[str, float]:
    """Return NDCG@10 of the best that was tried for a model, on the training fold's own last days."""
    tried = training.contenders.tunings[name].tried
    return {"tuning/best_ndcg_at_10": max(trial["value"] for trial in tried)} if tried else {}


def _run_name(name: str, parameters: dict[str, Any]) -> str:
    told = [f"{short}={parameters[key]:g}" for key, short in _IN_NAMES.items() if key in parameters]
    return " ".join([name, *told])


def _dataset_input(training: Training) -> Any:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    dataset = training.dataset
    profile = {
        "users": training.users,
        "pairs": training.pairs,
        "test_pairs": training.trial.comparison.test_pairs,
    }
    return DatasetInput(
        Dataset(
            name="feedback",
            digest=dataset.version,
            source_type="local",
            source=canonical_json({"uri": str(dataset.path)}).decode(),
            profile=canonical_json(profile).decode(),
        ),
        [InputTag("mlflow.data.context", "training")],
    )


def _create_version(client: Any, training: Training, run_id: str, description: str) -> ModelVersion:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(MODEL_NAME, description="Recommenders that Revealed has trained.")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    source = f"{client.get_run(run_id).info.artifact_uri}/model"
    found = client.create_model_version(
        MODEL_NAME,
        source,
        run_id=run_id,
        tags=_version_tags(training),
        description=fit_page(description, VERSION_CHARACTERS),
    )
    return as_version(found)


def _version_tags(training: Training) -> dict[str, str]:
    saved = training.saved
    files = [path for path in sorted(saved.folder.rglob("*")) if path.is_file()]
    best = training.trial.comparison.metrics[training.trial.chosen]
    return {
        "model": training.trial.chosen,
        "model_id": saved.model_id,
        "dataset_version": training.dataset.version,
        "as_of": training.dataset.as_of.isoformat(),
        "policy_version": training.dataset.policy_version,
        "device": training.device.name,
        "summary": f"ndcg@10 {best['ndcg@10']:.4f}, recall@20 {best['recall@20']:.4f}, coverage@10 {best['coverage@10']:.3f}",
    } | {f"{SHA256}{path.relative_to(saved.folder).as_posix()}": sha256_file(path) for path in files}
