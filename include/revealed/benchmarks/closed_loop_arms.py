"""The arms of the closed-loop experiment: how each orders what can be shown, how it explores, and what it logs of that."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from revealed.exploration.policy import Exploration, slate
from revealed.exploration.rank_marginals import Floats
from revealed.publishing.rules import Discovery
from revealed.simulation.policies import Choice
from revealed.simulation.population import Bools

_GREEDY = Exploration("greedy")
_NONE = Discovery(every=0)


@dataclass(frozen=True)
class Arm:
    """One way to run the service.

    Attributes:
        name: as the table calls it.
        learns: whether its lists come from the platform; `most recent` and `oracle` order the items by themselves.
        exploration: how a slate is drawn from a list.
        logs_propensities: whether the inference log says with which probability an item stood where it did.
        logs_scores: whether it says what the ranker thought of the item, the next best that a position curve is made from.
        discovery: how much of its lists is drawn from the whole catalogue.
        reports_all: whether the client reports every shown item as seen, however far down it stood.
    """

    name: str
    learns: bool = True
    exploration: Exploration = _GREEDY
    logs_propensities: bool = True
    logs_scores: bool = True
    discovery: Discovery = _NONE
    reports_all: bool = False


STATIC = Arm("most recent", learns=False, logs_propensities=False)
ORACLE = Arm("oracle", learns=False)
# As the gateway and the publisher do by default.
EXPLORING = Arm("exploring", exploration=Exploration(), discovery=Discovery())
GREEDY = Arm("exploration off")
# Position is not accounted for in any way: no propensities, no scores to make cells of, and shown is taken for seen.
IGNORED = replace(
    EXPLORING, name="propensities ignored", logs_propensities=False, logs_scores=False, reports_all=True
)
ARMS = (STATIC, EXPLORING, GREEDY, IGNORED, ORACLE)


def choose(arm: Arm, rng: np.random.Generator, utilities: Floats, eligible: Bools, slots: int) -> Choice:
    """Return one slate a row, drawn as serving draws, with the exact probability of every item at its place.

    Args:
        arm: how it explores, and what it logs; what it does not is NaN.
        rng: of the draws.
        utilities: `[requests, items]`, higher is better; minus infinity for what the lists do not hold.
        eligible: `[requests, items]`, what may be shown.
        slots: items a slate.
    """
    keys = np.where(eligible, utilities, -np.inf)
    order = np.argsort(-keys, axis=1, kind="stable")
    reach = np.isfinite(keys).sum(axis=1)
    items = np.full((len(keys), slots), -1, dtype=np.int64)
    scores, propensities = np.full(items.shape, np.nan), np.full(items.shape, np.nan)
    for row, count in enumerate(reach.tolist()):
        if not count:
            continue
        pool = order[row, :count]
        drawn = slate(rng, keys[row, pool], slots, arm.exploration)
        shown = slice(len(drawn.order))
        items[row, shown] = pool[drawn.order]
        scores[row, shown] = keys[row, items[row, shown]]
        if arm.logs_propensities:
            propensities[row, shown] = drawn.propensities
    return Choice(items, scores, propensities, reach)
