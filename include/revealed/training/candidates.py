"""Compare what could become the challenger on days that it has not seen, and choose by the test which of them does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from revealed.evaluation import Comparison, Contender, compare
from revealed.evaluation.compare import DECISIVE, DEPTH
from revealed.evaluation.tiers import Tiers, judge_tiers
from revealed.feedback import DatasetManifest
from revealed.settings import Settings
from revealed.training.holdout import Holdout, read_history, read_holdout
from revealed.training.item_outcomes import read_item_outcomes
from revealed.training.known import Known
from revealed.training.matrix import positions
from revealed.training.off_policy_trial import OffPolicyTrial, hold_off_policy_trial
from revealed.training.popularity import Popularity
from revealed.training.protocol import NOTHING, Recommender
from revealed.training.serving import Server

if TYPE_CHECKING:
    from revealed.publishing.service import Service

CHAMPION = "champion"


@dataclass(frozen=True)
class Trial:
    """The contenders of one training, and how they did.

    `chosen` names the model that becomes the challenger and `because` says why, for the reviewer.
    """

    comparison: Comparison
    tiers: Tiers
    off_policy: OffPolicyTrial
    newcomers: int
    chosen: str
    because: str


def hold_trial(
    settings: Settings,
    dataset: DatasetManifest,
    known: Known,
    contenders: dict[str, Recommender],
    service: Service | None = None,
) -> Trial:
    """Compare fitted models on the holdout; `contenders` must hold `popularity`, and may hold `champion`.

    The best model becomes the challenger if it beats popularity, else popularity does: where nobody's
    taste can be told from the crowd's, publishing the crowd's taste is right, and saying so is better than
    publishing noise.

    Args:
        settings: DuckDB's limits.
        dataset: what is compared on.
        known: what was known at the split.
        contenders: by name.
        service: how lists would be served; by default as the home's rules say.

    Raises:
        NoDataError: there is nothing to test on.
        InvalidInputError: the home's rules say what cannot be followed.
    """
    popularity = contenders[Popularity.name]
    assert isinstance(popularity, Popularity)
    servers = {name: known.server(model, popularity) for name, model in contenders.items()}
    holdout = read_holdout(settings, dataset, known.data, [server.space for server in servers.values()])
    lists = [Contender(name, lists_of(server, holdout)) for name, server in servers.items()]
    comparison = compare_on(settings, dataset, known, holdout, lists)
    chosen, because = choose(comparison)
    deciding = [name for name in (chosen, CHAMPION) if name in servers]
    return Trial(
        comparison=comparison,
        tiers=judge_tiers(lists, read_item_outcomes(settings, dataset, holdout.space)),
        off_policy=hold_off_policy_trial(settings, dataset, known.data, servers, service, deciding),
        newcomers=holdout.newcomers,
        chosen=chosen,
        because=because,
    )


def compare_on(
    settings: Settings, dataset: DatasetManifest, known: Known, holdout: Holdout, lists: list[Contender]
) -> Comparison:
    """Return the comparison of lists over the holdout's items, in the light of what was known before."""
    likes = np.zeros(len(holdout.space), dtype=np.int64)
    likes[positions(known.data.items, holdout.space)] = known.data.likes
    return compare(
        lists,
        holdout.relevance,
        likes,
        len(known.data.users),
        history=read_history(settings, dataset, known.data, holdout),
        immature_pairs=holdout.immature,
    )


def choose(comparison: Comparison) -> tuple[str, str]:
    """Return the name of the challenger among the freshly trained models, and the reason.

    The rule is the gate's own, so that a personal model that would fail it does not keep popularity from serving.
    """
    scores = {name: found[DECISIVE] for name, found in comparison.metrics.items() if name != CHAMPION}
    crowd = scores.pop(Popularity.name)
    if not scores:
        return Popularity.name, "popularity alone took part"
    best = max(scores, key=lambda name: scores[name])
    found = comparison.difference(best, Popularity.name)
    assert found is not None
    figures = (
        f"{DECISIVE} {scores[best]:.4f} against {crowd:.4f}, difference {found.low:+.4f} … {found.high:+.4f}"
    )
    if comparison.is_better(best, Popularity.name):
        return best, f"{best} beats popularity: {figures}"
    return Popularity.name, f"no personal model clearly beat popularity: {best} has {figures}"


def lists_of(server: Server, holdout: Holdout) -> NDArray[np.int32]:
    """Return each test user's list as positions in the holdout's space."""
    place = positions(server.space, holdout.space).astype(np.int32)
    found = server.items_for(holdout.rows, DEPTH)
    return np.where(found == NOTHING, NOTHING, place[found]).astype(np.int32)
