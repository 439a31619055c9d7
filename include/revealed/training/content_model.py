"""The item-content baseline: people are shown what is described like the items that they like."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from revealed.errors import NoDataError
from revealed.evaluation.metrics import Csr
from revealed.training.device import Device
from revealed.training.factor_model import FactorModel
from revealed.training.item_content import ItemContent
from revealed.training.matrix import Interactions, only
from revealed.training.protocol import AfterSweep, Ranking, Recommender

# By default likes decide between items described alike, and move none described otherwise.
_TIE_BREAK = 1e-3
_LARGEST_SAMPLE = 2_000
_MOST_LIKES = 100_000
_SEED = 17
# How many standard errors better than chance content must be before people are shown lists made by it alone.
_CERTAIN = 3.0


class ContentModel(FactorModel):
    """Items by the cosine of their features with those of what a person likes, weighed by confidence.

    A person is the sum of confidence times features: likes with c > 0 as they are, dislikes with c + 1, for
    -1 means what an unobserved pair means (feedback_user_item). The item space is the data's and the catalogue's: what
    nobody has met yet can be recommended.

    Args:
        factors: length of an item's vector, its features and one place for its likes; known once fitted.
        crowd: what being the most liked item adds to the cosine, in proportion to log(1 + likes). The default only
            decides between items described the same; `TasteCheck.crowd` is what the data asks for.
    """

    name = "content"

    def __init__(self, factors: int = 1, crowd: float = _TIE_BREAK) -> None:
        self.parameters: dict[str, Any] = {"factors": factors, "crowd": crowd}
        self._forget(factors)

    def fit(
        self,
        data: Interactions,
        device: Device,
        *,
        start: Recommender | None = None,
        after_sweep: AfterSweep | None = None,
    ) -> None:
        """Take over the features of `data.content`; the device plays no part, and nothing is repeated.

        Raises:
            NoDataError: no content is attached, or it describes no item that somebody likes.
        """
        if data.content is None:
            raise NoDataError(
                "the content model was given no content of items",
                where="training",
                remedy="attach the catalogue with with_content(data, read_item_content(settings, path))",
            )
        self.items = np.unique(np.concatenate([data.items, data.content.items]))
        features = data.content.features_of(self.items)
        likes = np.zeros(len(self.items))
        likes[np.searchsorted(self.items, data.items)] = data.likes
        if not likes[features.any(axis=1)].any():
            raise NoDataError(
                "the catalogue describes none of the items that somebody likes",
                where="items.parquet",
                remedy="land the catalogue with titles, texts, topics or embeddings: `revealed ingest`",
            )
        order = np.log1p(likes) / np.log1p(likes.max()) * features.any(axis=1)
        self.item_factors = np.column_stack([features, order]).astype(np.float32)
        self.parameters["factors"] = self.item_factors.shape[1]

    def fold_in(self, confidence: Csr) -> NDArray[np.float32]:
        """Return each row's profile (of length 1, and what likes weigh); zeros where no described item is liked."""
        features = self._tastes()
        likes = only(confidence, confidence.data > 0)
        profile = _weighed(confidence) @ features
        lengths = np.linalg.norm(profile, axis=1)
        told = ((likes @ features.any(axis=1).astype(np.float32)) > 0) & (lengths > 0)
        users = np.zeros((confidence.shape[0], features.shape[1] + 1), dtype=np.float32)
        users[told, :-1] = profile[told] / lengths[told, None]
        users[told, -1] = self.parameters["crowd"]
        return users

    def recommend(
        self, confidence: Csr, seen: Csr, k: int, blocked: NDArray[np.bool_] | None = None
    ) -> Ranking:
        """Return the items most like each row's profile; those of which nothing is known are left out."""
        return super().recommend(confidence, seen, k, self._unfit(blocked))

    def similar_to(
        self, chosen: NDArray[np.int64], k: int, blocked: NDArray[np.bool_] | None = None
    ) -> Ranking:
        """Return the items described most like the chosen ones (cosine)."""
        return super().similar_to(chosen, k, self._unfit(blocked))

    def _unfit(self, blocked: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
        unknown = ~np.asarray(self._tastes().any(axis=1))
        return unknown if blocked is None else unknown | blocked

    def _tastes(self) -> NDArray[np.float32]:
        return self.item_factors[:, :-1]


@dataclass(frozen=True)
class TasteCheck:
    """Whether content tells people's taste, judged by likes left out one at a time.

    Attributes:
        auc: how often a like is described more like the person's others than a like of the crowd is; .5 is chance.
        error: standard error of `auc` over people.
        people: how many were asked.
        crowd: what the most liked item's likes weigh beside a cosine of 1, so that lists foresee likes best.
        reason: why nobody is to be served by it; empty where content tells.
    """

    auc: float
    error: float
    people: int
    crowd: float
    reason: str

    @property
    def passed(self) -> bool:
        """Whether content tells taste beyond doubt."""
        return not self.reason

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"passed": self.passed} | asdict(self)


def check_taste(data: Interactions, content: ItemContent) -> TasteCheck:
    """Judge content by likes left out one at a time, each against a like drawn from all people's.

    A popular item is drawn often, so that content has to tell taste, not popularity. For the same reason the slope b of
    the logistic regression of "which is the person's own" on the difference of cosines makes b cosine + log(likes) the
    log-odds of a like, up to a constant of the person: popularity where content tells nothing. At most 2,000 people
    are asked, a fixed draw.
    """
    random = np.random.default_rng(_SEED)
    liked = only(data.confidence, data.confidence.data > 0)
    features = content.features_of(data.items)
    described = np.asarray(features.any(axis=1))
    liked = only(liked, described[liked.indices])
    people = np.flatnonzero(np.diff(liked.indptr) >= 2)
    if len(people) > _LARGEST_SAMPLE:
        people = np.sort(random.choice(people, _LARGEST_SAMPLE, replace=False))
    if not len(people):
        return _verdict(np.empty(0), np.empty(0, dtype=np.int64), 0.0)
    difference, owner = _left_out(liked[people], features, liked.indices, random)
    return _verdict(difference, owner, float(np.log1p(np.bincount(liked.indices).max())))


def _left_out(
    liked: Csr, features: NDArray[np.float32], crowd: NDArray[np.int32], random: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return how much more alike (cosine) each like is to its owner's others than another's like, and whose it is.

    Draws that the owner likes, too, are left out.
    """
    owner = np.repeat(np.arange(liked.shape[0]), np.diff(liked.indptr))
    tried = random.permutation(liked.nnz)[:_MOST_LIKES]
    owner, own = owner[tried], liked.indices[tried]
    other = random.choice(crowd, len(tried))
    fair = np.asarray(liked[owner, other]).ravel() == 0
    owner, own, other, weight = owner[fair], own[fair], other[fair], liked.data[tried][fair, None]
    rest = (liked @ features)[owner] - weight * features[own]
    lengths = np.maximum(np.linalg.norm(rest, axis=1), 1e-9)
    difference = np.einsum("ij,ij->i", rest, features[own] - features[other]) / lengths
    return np.where(np.abs(difference) > 1e-5, difference, 0).astype(np.float64), owner


def _verdict(difference: NDArray[np.float64], owner: NDArray[np.int64], most: float) -> TasteCheck:
    tries = np.bincount(owner, minlength=1)
    asked = tries > 0
    if asked.sum() < 2:
        reason = (
            "fewer than two people like two items that the catalogue describes, and not what all others like"
        )
        return TasteCheck(0.5, 0.0, int(asked.sum()), 0.0, reason)
    share = np.bincount(owner, weights=(np.sign(difference) + 1) / 2)[asked] / tries[asked]
    auc, error = float(share.mean()), float(share.std(ddof=1) / np.sqrt(len(share)))
    slope = _slope(difference)
    reason = (
        f"likes are described no more like each other than like others' likes (AUC {auc:.3f} ± {error:.3f})"
    )
    holds = auc - _CERTAIN * error > 0.5 and slope > 0
    return TasteCheck(auc, error, len(share), most / slope if holds else 0.0, "" if holds else reason)


def _slope(difference: NDArray[np.float64]) -> float:
    """Return the b of greatest likelihood of P(own) = 1 / (1 + exp(-b difference)), at most 100."""
    from scipy.optimize import minimize_scalar
    from scipy.special import log_expit

    found = minimize_scalar(lambda b: -log_expit(b * difference).mean(), bounds=(0, 100), method="bounded")
    return float(found.x)


def _weighed(confidence: Csr) -> Csr:
    weights = np.where(confidence.data > 0, confidence.data, np.minimum(confidence.data + 1, 0))
    return csr_matrix(
        (weights.astype(np.float32), confidence.indices, confidence.indptr), shape=confidence.shape
    )
