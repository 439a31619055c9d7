"""Worlds in which it is known whether what the catalogue says of items tells who likes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from revealed.training.item_content import ItemContent, with_content
from revealed.training.matrix import Ids, Interactions, interactions


def content_of(
    items: Ids, features: np.ndarray, topics: list[str | None] | list[str] | None = None
) -> ItemContent:
    """Features as they are, scaled to length 1; no dates."""
    length = np.linalg.norm(features, axis=1, keepdims=True)
    return ItemContent(
        items=items,
        features=(features / np.where(length > 0, length, 1)).astype(np.float32),
        topics=np.array(topics if topics is not None else [None] * len(items), dtype=object),
        published_at=np.full(len(items), np.datetime64("NaT", "us")),
        made_from="embeddings",
    )


@dataclass(frozen=True)
class ContentWorld:
    """What people really think of each item (`truth`), and what is known: likes of all but one item in five."""

    data: Interactions
    items: Ids
    truth: np.ndarray
    cold: np.ndarray


def content_world(
    seed: int, *, users: int = 1000, items: int = 400, likes: int = 25, explained: bool = True
) -> ContentWorld:
    """Of twelve features four decide what an item is; where not `explained`, another item's features are told instead."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(items, 12))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    effect = random.normal(size=(12, 8)) * (np.arange(12) < 4)[:, None]
    truth = random.normal(size=(users, 8)) @ (features @ effect + 0.05 * random.normal(size=(items, 8))).T
    truth /= truth.std()
    cold = np.arange(items) % 5 == 0
    chance = np.where(cold, 0, np.exp(1.5 * truth))
    chance /= chance.sum(axis=1, keepdims=True)
    columns = np.concatenate([random.choice(items, likes, replace=False, p=row) for row in chance])
    ids = np.array([f"i{n:04d}" for n in range(items)], dtype=object)
    known = interactions(
        np.array([f"u{n:04d}" for n in range(users)], dtype=object),
        ids[~cold],
        np.repeat(np.arange(users, dtype=np.int32), likes),
        (np.cumsum(~cold) - 1)[columns].astype(np.int32),
        np.full(users * likes, 20, dtype=np.float32),
        np.ones(users * likes, dtype=bool),
    )
    told = features if explained else features[random.permutation(items)]
    return ContentWorld(with_content(known, content_of(ids, told)), ids, truth, cold)


def true_ndcg(world: ContentWorld, scores: np.ndarray) -> float:
    """NDCG@10 of the cold items in the order of `scores` (users by cold items), by what people really think of them."""
    gain = np.exp(world.truth[:, world.cold])
    discount = 1 / np.log2(np.arange(2, 12))
    listed = np.take_along_axis(gain, np.argsort(-scores, axis=1)[:, :10], axis=1) @ discount
    best = -np.sort(-gain, axis=1)[:, :10] @ discount
    return float((listed / best).mean())
