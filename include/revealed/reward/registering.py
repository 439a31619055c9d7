"""The reward model beside the recommender in MLflow: a run and a version of `revealed-reward`, tagged with checksums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from revealed.clock import utc_now
from revealed.durable import canonical_json, sha256_file
from revealed.feedback import DatasetManifest
from revealed.feedback.revision import code_revision
from revealed.registry.client import experiment_id, registry
from revealed.registry.links import run_url
from revealed.registry.page_limit import VERSION_CHARACTERS, fit_page
from revealed.registry.versions import SHA256
from revealed.reward.evaluate import RewardEvaluation
from revealed.settings import Settings
from revealed.training.artifact import SavedModel

REWARD_MODEL_NAME = "revealed-reward"
# The alias of the version trained last; nobody approves a reward model, for it serves nobody.
NEWEST = "newest"


@dataclass(frozen=True)
class RegisteredReward:
    """MLflow's number of the version, its run, and the run's address."""

    version: str
    run_id: str
    run_url: str


def register_reward(
    settings: Settings,
    saved: SavedModel,
    dataset: DatasetManifest,
    evaluation: RewardEvaluation,
    outcomes: dict[str, Any],
    weights: dict[str, float],
) -> RegisteredReward:
    """Log the model and return its version, which is the `newest` from then on; a known model is not logged again.

    Raises:
        RegistryError: MLflow is out of reach.
    """
    with registry(settings) as client:
        experiment = experiment_id(settings, client)
        found = _known(client, saved.model_id)
        if found is None:
            run_id = _log_run(client, experiment, settings, saved, dataset)
            _log_figures(client, run_id, evaluation, outcomes, weights)
            found = _create_version(client, run_id, saved, dataset, evaluation)
        client.set_registered_model_alias(REWARD_MODEL_NAME, NEWEST, found.version)
    return RegisteredReward(
        str(found.version), str(found.run_id), run_url(settings, experiment, found.run_id)
    )


def _known(client: Any, model_id: str) -> Any:
    found = client.search_model_versions(f"name = '{REWARD_MODEL_NAME}'", max_results=1_000)
    return next((version for version in found if version.tags.get("model_id") == model_id), None)


def _log_run(
    client: Any, experiment: str, settings: Settings, saved: SavedModel, dataset: DatasetManifest
) -> str:
    from mlflow.entities import Dataset, DatasetInput, InputTag, Param

    tags = {
        "model": "reward",
        "model_id": saved.model_id,
        "code_revision": code_revision(settings.project_root),
    }
    tags |= {"dataset_version": dataset.version, "as_of": dataset.as_of.isoformat()}
    run = client.create_run(experiment, run_name=f"reward {dataset.as_of:%Y-%m-%d}", tags=tags)
    run_id = str(run.info.run_id)
    parameters = saved.card["parameters"]
    params = [Param("penalty", str(parameters["penalty"])), Param("model", "reward")]
    client.log_batch(run_id, params=[*params, Param("features", ", ".join(parameters["features"]))])
    source = canonical_json({"uri": str(dataset.path)}).decode()
    given = Dataset(name="feedback_pairs", digest=dataset.version, source_type="local", source=source)
    client.log_inputs(run_id, [DatasetInput(given, [InputTag("mlflow.data.context", "training")])])
    client.log_artifacts(run_id, str(saved.folder), "model")
    return run_id


def _log_figures(
    client: Any,
    run_id: str,
    evaluation: RewardEvaluation,
    outcomes: dict[str, Any],
    weights: dict[str, float],
) -> None:
    from mlflow.entities import Metric

    now = int(utc_now().timestamp() * 1_000)
    figures = _figures(evaluation, outcomes) | {f"weight/{name}": value for name, value in weights.items()}
    client.log_batch(
        run_id, metrics=[Metric(name, float(value), now, 0) for name, value in sorted(figures.items())]
    )
    client.set_terminated(run_id)


def _figures(evaluation: RewardEvaluation, outcomes: dict[str, Any]) -> dict[str, float]:
    named = {f"accuracy/{name}": found.value for name, found in evaluation.accuracy.items()}
    reward = evaluation.accuracy["reward"]
    named |= {"accuracy/reward_low": reward.low, "accuracy/reward_high": reward.high}
    if evaluation.explicit:
        named["accuracy/explicit"] = evaluation.explicit.value
    plain = {name: value for name, value in vars(evaluation).items() if isinstance(value, int | float)}
    areas = {f"{area}/{name}": found[area] for name, found in outcomes.items() for area in found}
    return named | plain | {name: value for name, value in areas.items() if value is not None}


def _create_version(
    client: Any, run_id: str, saved: SavedModel, dataset: DatasetManifest, evaluation: RewardEvaluation
) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(
            REWARD_MODEL_NAME, description="Reward models: which of two shown items people prefer."
        )
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    files = [path for path in sorted(saved.folder.rglob("*")) if path.is_file()]
    reward = evaluation.accuracy["reward"]
    tags = {
        "model_id": saved.model_id,
        "dataset_version": dataset.version,
        "as_of": dataset.as_of.isoformat(),
        "summary": f"pairwise accuracy {reward.value:.4f}, log loss {evaluation.log_loss:.4f}",
    } | {f"{SHA256}{path.relative_to(saved.folder).as_posix()}": sha256_file(path) for path in files}
    return client.create_model_version(
        REWARD_MODEL_NAME,
        f"{client.get_run(run_id).info.artifact_uri}/model",
        run_id=run_id,
        tags=tags,
        description=fit_page((saved.folder / "card.md").read_text(), VERSION_CHARACTERS),
    )
