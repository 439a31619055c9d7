"""Models on anybody's split: the same lists, metrics and intervals as a challenger's trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from revealed.evaluation import Comparison, Contender, History, compare
from revealed.evaluation.compare import DECISIVE, DEPTH
from revealed.progress import Progress, quiet
from revealed.settings import Settings
from revealed.training.device import Device
from revealed.training.ials import FrequencyScaledALS
from revealed.training.popularity import Popularity
from revealed.training.protocol import Recommender
from revealed.training.serving import Server
from revealed.training.split_files import Split, read_split
from revealed.training.split_tuning import fitted, tune_ials


@dataclass(frozen=True)
class JudgedSplit:
    """How the model with these parameters, and popularity, did on a split; `repeated` test pairs were left out."""

    parameters: dict[str, Any]
    comparison: Comparison
    repeated: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, the model's metrics at the top."""
        metrics = self.comparison.metrics
        return {
            "model": FrequencyScaledALS.name,
            "parameters": self.parameters,
            **metrics[FrequencyScaledALS.name],
            "test_users": self.comparison.users,
            "test_pairs": self.comparison.test_pairs,
            "test_pairs_in_train": self.repeated,
            "baselines": {Popularity.name: metrics[Popularity.name]},
            "intervals": {DECISIVE: self.comparison.intervals},
            "differences": [asdict(found) for found in self.comparison.differences],
            "cohorts": [asdict(found) for found in self.comparison.cohorts],
        }


def judge_split(
    settings: Settings, train: Path, test: Path, *, factors: int, trials: int = 0, progress: Progress = quiet
) -> JudgedSplit:
    """Fit frequency-scaled ALS on one Parquet file and judge it by another, beside popularity.

    Args:
        settings: DuckDB's limits, and where searches are kept.
        train: the pairs to learn from; see `read_split`, also for the errors raised.
        test: the pairs to foresee.
        factors: length of a factor vector.
        trials: of a search for the parameters first; 0 takes the defaults.
        progress: told at each step.
    """
    split = read_split(settings, train, test)
    parameters: dict[str, Any] = {"factors": factors}
    if trials:
        parameters = tune_ials(
            split, settings.tuning, trials=trials, factors=factors, progress=progress
        ).parameters
    progress(f"fitting {factors} factors on {split.train.confidence.nnz:,} pairs")
    popularity = Popularity()
    popularity.fit(split.train, Device("cpu", "counting"))
    model = fitted(parameters, split.train)
    progress(f"ranking {len(split.train.items):,} items for {len(split.testers):,} people")
    found = hold_split_trial(split, {model.name: model, popularity.name: popularity})
    return JudgedSplit(model.parameters, found, split.repeated)


def hold_split_trial(split: Split, models: Mapping[str, Recommender]) -> Comparison:
    """Compare fitted models, `popularity` among them, on the split's test pairs; every item of both files is ranked."""
    popularity = models[Popularity.name]
    assert isinstance(popularity, Popularity)
    lists = [
        Contender(name, Server(model, popularity, split.train).items_for(split.testers, DEPTH))
        for name, model in models.items()
    ]
    history = History(split.train.confidence, split.testers)
    return compare(lists, split.relevance, split.train.likes, len(split.train.users), history=history)
