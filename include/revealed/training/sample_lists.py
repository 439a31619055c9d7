"""Lists of a few people with the reasons, for whoever reviews a model: what would be shown, and does it make sense?

A person is a number here. Ids stay in the dataset, so that erasing somebody leaves no id of theirs in MLflow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from revealed.durable import canonical_json
from revealed.training.explained_list import ExplainedItem, explain_list
from revealed.training.matrix import Interactions
from revealed.training.protocol import Recommender

SAMPLES_TABLE, SAMPLES_PAGE = "samples/recommendations.json", "samples/recommendations.md"
_SEED = 19
_OF_EACH_KIND = 5
_ITEMS = 5
# MLflow's table shows the first four without asking.
_COLUMNS = ("person", "rank", "item", "because", "item_id", "score")


@dataclass(frozen=True)
class SampleList:
    """One person's list: `kind` is `heavy` (of the tenth who like most) or `light` (of the half who like least)."""

    person: int
    kind: str
    likes: int
    items: list[ExplainedItem]


def sample_lists(
    model: Recommender,
    data: Interactions,
    titles: Mapping[str, str],
    *,
    unavailable: frozenset[str] = frozenset(),
    seed: int = _SEED,
) -> list[SampleList]:
    """Return the explained lists of five heavy and five light users, or of as many as there are; the same for a seed.

    Args:
        model: a fitted recommender.
        data: what is known of the users.
        titles: the items' titles, as far as known.
        unavailable: items that are not shown.
        seed: of the draw.
    """
    likes = np.asarray((data.confidence > 0).sum(axis=1)).ravel()
    drawn = [(row, kind) for kind in ("heavy", "light") for row in _draw(likes, kind, seed)]
    return [
        SampleList(
            number,
            kind,
            int(likes[row]),
            explain_list(model, data, str(data.users[row]), _ITEMS, titles, unavailable=unavailable),
        )
        for number, (row, kind) in enumerate(drawn, start=1)
    ]


def sample_files(samples: list[SampleList]) -> dict[str, bytes]:
    """Return the samples as files by their path in the model's folder: MLflow's table form, and Markdown to read."""
    return {SAMPLES_TABLE: canonical_json(_as_table(samples)), SAMPLES_PAGE: _as_markdown(samples).encode()}


def _draw(likes: NDArray[np.int64], kind: str, seed: int) -> NDArray[np.int64]:
    active = np.flatnonzero(likes > 0)
    # Ties go by row, so that the kinds never overlap.
    order = active[np.argsort(likes[active], kind="stable")]
    pool = order[-max(1, len(order) // 10) :] if kind == "heavy" else order[: len(order) // 2]
    random = np.random.default_rng(seed)
    return np.sort(random.choice(pool, min(_OF_EACH_KIND, len(pool)), replace=False))


def _as_table(samples: list[SampleList]) -> dict[str, Any]:
    rows = [
        [
            f"{sample.person}: {sample.kind}, {sample.likes:,} likes",
            item.rank,
            item.title or item.item_id,
            item.sentence(),
            item.item_id,
            round(item.score, 6),
        ]
        for sample in samples
        for item in sample.items
    ]
    return {"columns": list(_COLUMNS), "data": rows}


def _as_markdown(samples: list[SampleList]) -> str:
    parts = ["# Sample recommendations, with the reasons"]
    for sample in samples:
        parts.append(f"## Person {sample.person}: {sample.kind}, {sample.likes:,} likes")
        if not sample.items:
            parts.append("The model has no item for this person.")
            continue
        lines = ["| rank | item | score | because |", "|---|---|---|---|"]
        lines += [
            f"| {item.rank} | {_cell(item.title or item.item_id)} | {item.score:.4f} | {_cell(item.sentence())} |"
            for item in sample.items
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _cell(text: str) -> str:
    """Return text that cannot leave its cell of a Markdown table, whatever a title holds."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
