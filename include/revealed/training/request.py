"""What a training is asked to do: who competes, how much is searched, and whether it goes on from what is in service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from revealed.errors import UsageError
from revealed.settings import Settings

FULL, REFRESH, AUTO = "full", "refresh", "auto"
ALL = ("als", "ials", "bpr", "content", "recency", "popularity")
FEW = ("als", "popularity")
# Beyond this many pairs a fit costs minutes; only the usual model and the baseline are fitted, unless others are asked for.
LARGEST_FOR_ALL = 3_000_000


@dataclass(frozen=True)
class TrainingRequest:
    """A training, as asked for.

    Attributes:
        contenders: registered models that compete; empty leaves it to the size of the data. Popularity always takes part.
        trials: of the search for the parameters of each; 0 tries ALS at four values of its regularisation.
        fit: `full` from nothing; `refresh` a sweep or two from the champion; `auto` refreshes as long as the last full fit
            misses fewer days of data than REVEALED_REFIT_EVERY_DAYS.
    """

    contenders: tuple[str, ...] = ()
    trials: int = 0
    fit: str = AUTO

    def __post_init__(self) -> None:
        """Refuse what no training can do.

        Raises:
            UsageError: an unknown model or way of fitting, or a negative number of trials.
        """
        unknown = sorted(set(self.contenders) - set(ALL))
        if unknown:
            raise UsageError(
                f"there is no model called {', '.join(unknown)}", remedy=f"known models: {', '.join(ALL)}"
            )
        if self.fit not in (FULL, REFRESH, AUTO) or self.trials < 0:
            raise UsageError(
                f"fit={self.fit}, trials={self.trials} means nothing",
                remedy="fit is auto, full or refresh; trials is 0 or more",
            )

    @classmethod
    def of(
        cls,
        settings: Settings,
        *,
        contenders: Sequence[str] = (),
        trials: int = 0,
        fit: str = AUTO,
    ) -> TrainingRequest:
        """Return the request that the settings describe, but for what is given."""
        return cls(tuple(contenders) or settings.contenders, trials or settings.tuning_trials, fit)

    @classmethod
    def of_params(cls, settings: Settings, params: Mapping[str, Any]) -> TrainingRequest:
        """Return the request in an Airflow run's parameters; what else is among them plays no part."""
        return cls.of(settings, contenders=params["contenders"], trials=params["trials"], fit=params["fit"])

    def names(self, pairs: int) -> tuple[str, ...]:
        """Return who competes on a training fold of so many pairs, popularity last."""
        chosen = self.contenders or (ALL if pairs <= LARGEST_FOR_ALL else FEW)
        return (*(name for name in chosen if name != "popularity"), "popularity")
