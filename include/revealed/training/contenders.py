"""Who competes for a training, tuned and fitted on what was known at the split."""

from __future__ import annotations

from dataclasses import dataclass, field

from revealed.errors import NoDataError
from revealed.feedback import DatasetManifest
from revealed.progress import Progress
from revealed.settings import Settings
from revealed.training.device import Device
from revealed.training.matrix import Interactions
from revealed.training.popularity import Popularity
from revealed.training.protocol import Recommender, create
from revealed.training.refresh import Start, refreshed
from revealed.training.request import LARGEST_FOR_ALL, TrainingRequest
from revealed.training.retreat import fit_with_retreat
from revealed.training.tuning import Judges, Tuning, find_judges, tune


@dataclass
class Contenders:
    """Fitted models by name, how each was tuned, who was left out and why, and where the last one was fitted."""

    device: Device
    models: dict[str, Recommender] = field(default_factory=dict)
    tunings: dict[str, Tuning] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def fit_contenders(
    settings: Settings,
    dataset: DatasetManifest,
    fold: Interactions,
    request: TrainingRequest,
    device: Device,
    progress: Progress,
) -> Contenders:
    """Tune and fit everybody who competes; who has nothing to learn from is left out, but for popularity.

    Raises:
        NoDataError: not even popularity has anything to learn from.
    """
    judges = _judges(settings, dataset, fold, request)
    found = Contenders(device)
    names = request.names(fold.confidence.nnz)
    for at, name in enumerate(names, start=1):
        progress(f"tuning and fitting {name} on what was known on {dataset.split:%Y-%m-%d}", at, len(names))
        try:
            tuning = tune(
                name, judges, found.device, settings.tuning, trials=request.trials, progress=progress
            )
            model = create(name, tuning.parameters)
            found.device = fit_with_retreat(model, fold, found.device, progress=progress)
        except NoDataError as error:
            if name == Popularity.name:
                raise
            found.left_out[name] = error.what
            progress(f"{name} is left out: {error.what}")
            continue
        found.models[name], found.tunings[name] = model, tuning
    return found


def refresh_contenders(start: Start, fold: Interactions, device: Device, progress: Progress) -> Contenders:
    """Refresh the champion's twin on the fold; popularity is counted anew."""
    progress(f"refreshing version {start.version} on the training fold")
    popularity = Popularity()
    popularity.fit(fold, device)
    name = start.twin.name
    tuning = Tuning(start.parameters, [], f"as version {start.version}")
    model, device = refreshed(start.twin, start.parameters, fold, device, progress)
    return Contenders(
        device,
        {name: model, Popularity.name: popularity},
        {name: tuning, Popularity.name: Tuning({}, [], "nothing to tune")},
    )


def _judges(
    settings: Settings, dataset: DatasetManifest, fold: Interactions, request: TrainingRequest
) -> Judges:
    if fold.confidence.nnz > LARGEST_FOR_ALL and not request.trials:
        return Judges(None, f"not tuned: more than {LARGEST_FOR_ALL:,} pairs")
    path = dataset.file("fold_train.parquet")
    return find_judges(settings, fold, path, dataset.split, dataset.holdout_days)
