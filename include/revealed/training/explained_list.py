"""A person's list with the reasons: items by id and title, and what of the person's past made each of them rank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from revealed.errors import MissingInputError
from revealed.evaluation.metrics import Csr
from revealed.training.explain import CROWD, ONE_LEFT_OUT, UNEXPLAINED, Contribution, explain_score
from revealed.training.matrix import Interactions, positions
from revealed.training.protocol import NOTHING, Recommender


@dataclass(frozen=True)
class Reason:
    """One past interaction: with which item, how sure its preference is (signed), and what it did to the score."""

    item_id: str
    title: str | None
    confidence: float
    amount: float


@dataclass(frozen=True)
class ExplainedItem:
    """One item of a list, or outside of it (`rank` None), and why it has its score.

    `method` says what the amounts mean: see `revealed.training.explain`.
    """

    rank: int | None
    item_id: str
    title: str | None
    score: float
    method: str
    because: list[Reason]
    against: list[Reason]
    people: int | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    def sentence(self, most: int = 3) -> str:
        """Return the reasons in words, the `most` weighty ones."""
        if self.method == CROWD:
            crowd = "many people of late" if self.people is None else f"{self.people:,} people"
            return f"liked by {crowd}; the same for everybody"
        if self.method == UNEXPLAINED:
            return "this model does not tell"
        parts = [f"{_named(reason)} {self._part(reason)}" for reason in self.because[:most]]
        rest = len(self.because) - most
        told = ", ".join(parts) + (f" and {rest} more" if rest > 0 else "")
        held = [f"{_named(reason)} {reason.amount:+.3f}" for reason in self.against[:1] if reason.amount < 0]
        return (told or "nothing that is known of the person") + (f"; held back by {held[0]}" if held else "")

    def _part(self, reason: Reason) -> str:
        if self.method == ONE_LEFT_OUT or not self.score > 0:
            return f"{reason.amount:+.3f}"
        return f"{reason.amount / self.score:.0%}"


def explain_list(
    model: Recommender,
    data: Interactions,
    user_id: str,
    k: int,
    titles: Mapping[str, str],
    *,
    unavailable: frozenset[str] = frozenset(),
    only_item: str | None = None,
) -> list[ExplainedItem]:
    """Return the model's first `k` items for a user with the reasons, or one item wherever it ranks.

    Args:
        model: a fitted recommender.
        data: what is known of the users.
        user_id: whose list.
        k: how many items; with `only_item`, how deep to look for it.
        titles: the items' titles, as far as known.
        unavailable: items that are not shown.
        only_item: explain this item alone.

    Raises:
        MissingInputError: nothing is known of the user, or the model does not know the item.
    """
    row = int(positions([user_id], data.users)[0])
    if row < 0:
        raise MissingInputError(
            f"nothing is known of {user_id!r}, so that no list was made from their past",
            where="the feedback dataset",
            remedy="people nobody knows get the fallback list: `revealed recommend` shows it",
        )
    known = data.onto(model.items)
    confidence = known.confidence[row]
    ranked = _ranked(model, confidence, known.seen[row], k, unavailable)
    if only_item is None:
        wanted = ranked
    else:
        wanted = [int(positions([only_item], model.items)[0])]
        if wanted[0] < 0:
            raise MissingInputError(
                f"the model does not know {only_item!r}",
                where=model.name,
                remedy="it learns items from feedback; train again once there is some",
            )
    return [_explained(model, confidence, item, ranked, titles) for item in wanted]


def _ranked(model: Recommender, confidence: Csr, seen: Csr, k: int, unavailable: frozenset[str]) -> list[int]:
    blocked: NDArray[np.bool_] = np.zeros(len(model.items), dtype=bool)
    if unavailable:
        at = positions(sorted(unavailable), model.items)
        blocked[at[at >= 0]] = True
    items = model.recommend(confidence, seen, k, blocked).items[0]
    return [int(item) for item in items if item != NOTHING]


def _explained(
    model: Recommender, confidence: Csr, item: int, ranked: Sequence[int], titles: Mapping[str, str]
) -> ExplainedItem:
    found = explain_score(model, confidence, item)

    def reasons(parts: list[Contribution]) -> list[Reason]:
        ids = [str(model.items[part.item]) for part in parts]
        return [
            Reason(name, titles.get(name), part.confidence, part.amount)
            for name, part in zip(ids, parts, strict=True)
        ]

    name = str(model.items[item])
    return ExplainedItem(
        rank=ranked.index(item) + 1 if item in ranked else None,
        item_id=name,
        title=titles.get(name),
        score=found.score,
        method=found.method,
        because=reasons(found.likes),
        against=reasons(found.dislikes),
        people=found.people,
    )


def _named(reason: Reason) -> str:
    return f"{reason.item_id} ({reason.title})" if reason.title else reason.item_id
