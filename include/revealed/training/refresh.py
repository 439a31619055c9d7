"""Go on from the model in service instead of from nothing: a sweep or two over everything that is known now.

Each model is saved with its *twin*: the same recipe, fitted on the training fold only, which is what was tested. A refresh
goes on from the twin, never from the published factors: those have seen the days that the refreshed one is tested on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from revealed.feedback import DatasetManifest
from revealed.progress import Progress, quiet
from revealed.settings import Settings
from revealed.training.artifact import load_model, save_model
from revealed.training.device import Device
from revealed.training.matrix import Interactions
from revealed.training.protocol import Recommender, create
from revealed.training.request import FULL, REFRESH, TrainingRequest
from revealed.training.retreat import fit_with_retreat

TWIN = "twin"
# The parameter by which a kind of model says that it can go on from another's factors, and in how many sweeps.
SWEEPS = "warm_iterations"


@dataclass(frozen=True)
class Start:
    """The champion that a refresh goes on from: its twin, its whole recipe, and the data of its last full fit."""

    version: str
    model_id: str
    twin: Recommender
    parameters: dict[str, Any]
    full_as_of: datetime


@dataclass(frozen=True)
class Fit:
    """How a model was fitted: `full` or `refresh`, why so, and the moment of the data that was last fitted from nothing."""

    how: str
    because: str
    full_as_of: str

    def to_dict(self) -> dict[str, str]:
        """Return plain JSON values."""
        return dict(vars(self))


def decide_fit(
    settings: Settings, dataset: DatasetManifest, request: TrainingRequest
) -> tuple[Start | None, Fit]:
    """Return where to start from, None for nothing, and why.

    Raises:
        RegistryError: MLflow is out of reach.
        DamagedModelError: the champion's files are damaged.
    """
    now = dataset.as_of.isoformat()
    if request.fit == FULL:
        return None, Fit(FULL, "asked for", now)
    start, obstacle = _find_start(settings, dataset)
    if start is None:
        return None, Fit(FULL, obstacle, now)
    age = dataset.as_of - start.full_as_of
    if request.fit != REFRESH and age >= timedelta(days=settings.refit_every_days):
        return None, Fit(FULL, f"the last full fit misses {age.days} days of data", now)
    sweeps = start.parameters[SWEEPS]
    because = (
        f"{sweeps} sweeps from version {start.version}, whose last full fit misses {age.days} days of data"
    )
    return start, Fit(REFRESH, because, start.full_as_of.isoformat())


def refreshed(
    start: Recommender,
    parameters: dict[str, Any],
    data: Interactions,
    device: Device,
    progress: Progress = quiet,
) -> tuple[Recommender, Device]:
    """Return the recipe `parameters` fitted on `data`, a few sweeps from `start` where its kind can, and where it ran."""
    model = create(start.name, parameters)
    return model, fit_with_retreat(model, data, device, start=start, progress=progress)


def twin_files(models: Path, twin: Recommender, lineage: dict[str, Any]) -> dict[str, bytes]:
    """Return the twin's files by their path inside of the model's folder."""
    models.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=models, prefix=".twin.") as folder:
        saved = save_model(Path(folder), twin, lineage | {"fitted_on": "the training fold"}, {})
        return {f"{TWIN}/{path.name}": path.read_bytes() for path in sorted(saved.folder.iterdir())}


def _find_start(settings: Settings, dataset: DatasetManifest) -> tuple[Start | None, str]:
    from revealed.registry import current_champion, fetch_model
    from revealed.registry.versions import DATASET_ERASED

    champion = current_champion(settings)
    if champion is None:
        return None, "there is no champion to go on from"
    if DATASET_ERASED in champion.tags:
        return None, "somebody was erased from the data that the champion has learnt from"
    folder = fetch_model(settings, champion.version)
    model, saved = load_model(folder)
    fit = saved.card["lineage"].get("fit")
    if SWEEPS not in model.parameters or fit is None:
        return None, f"the champion, {model.name}, cannot be gone on from"
    twin, twin_saved = load_model(folder / TWIN)
    if datetime.fromisoformat(twin_saved.card["lineage"]["split"]) > dataset.split:
        return None, "the champion's twin knows test days"
    full_as_of = datetime.fromisoformat(fit["full_as_of"])
    return Start(champion.version, champion.model_id, twin, saved.card["parameters"], full_as_of), ""
