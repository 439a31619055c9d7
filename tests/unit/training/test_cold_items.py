"""Items that nobody has met: placed by their content where it tells, and refused where it does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from content_world import content_of, content_world, true_ndcg
from hypothesis import given, settings
from hypothesis import strategies as st
from test_als_truth import CPU, fitted

from revealed.training.cold_items import WithColdItems, leave_one_out, map_content
from revealed.training.content_model import ContentModel
from revealed.training.protocol import NOTHING


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_leaving_one_out_in_closed_form_is_leaving_it_out(seed: int) -> None:
    random = np.random.default_rng(seed)
    n, d = int(random.integers(5, 15)), int(random.integers(1, 9))
    x, y = random.normal(size=(n, d)) + 3, random.normal(size=(n, 2)) - 5
    ridge = float(10 ** random.uniform(-2, 2))
    expected = np.empty_like(y)
    for left in range(n):
        rest = np.arange(n) != left
        # The intercept is not held back: a column of ones with no penalty, solved densely.
        design = np.column_stack([np.ones(n - 1), x[rest]])
        penalty = ridge * np.diag([0.0] + [1.0] * d)
        solved = np.linalg.solve(design.T @ design + penalty, design.T @ y[rest])
        expected[left] = y[left] - np.array([1.0, *x[left]]) @ solved
    np.testing.assert_allclose(leave_one_out(x, y, ridge), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_cold_items_are_ranked_nearly_as_people_think_of_them(seed: int) -> None:
    world = content_world(seed)
    model = fitted(world.data, factors=8, regularization=20.0)
    mapping = map_content(model, world.data.content)  # type: ignore[arg-type]  # it has content
    assert mapping.accepted
    assert mapping.r2 > 0.5
    assert mapping.rank_quality > 0.9
    extended = WithColdItems(model, world.data.content, mapping)  # type: ignore[arg-type]  # it has content
    assert extended.items[extended.is_cold].tolist() == world.items[world.cold].tolist()
    profiles = ContentModel()
    profiles.fit(world.data, CPU)
    known = {
        "ridge": extended.fold_in(world.data.onto(extended.items).confidence)
        @ extended.item_factors[extended.is_cold].T,
        "content": profiles.fold_in(world.data.onto(profiles.items).confidence)
        @ profiles.item_factors[world.cold].T,
        "random": np.random.default_rng(seed).random((1000, world.cold.sum())),
    }
    score = {name: true_ndcg(world, found) for name, found in known.items()}
    # science.md §l found .919, .758 and .265 in a world of this kind.
    assert score["ridge"] > 0.9
    assert score["content"] < score["ridge"] - 0.06
    assert score["random"] < score["content"] - 0.4


def test_content_that_tells_nothing_is_refused() -> None:
    for seed in range(20):
        world = content_world(seed, users=120, items=100, likes=12, explained=False)
        model = fitted(world.data, factors=6, regularization=5.0, iterations=5)
        mapping = map_content(model, world.data.content)  # type: ignore[arg-type]  # it has content
        assert not mapping.accepted
        assert mapping.r2 < 0.05
        assert "of items left out" in mapping.reason
        assert mapping.to_dict()["reason"] == mapping.reason


def test_too_few_items_teach_nothing() -> None:
    world = content_world(1, users=80, items=22, likes=5)
    mapping = map_content(fitted(world.data), world.data.content)  # type: ignore[arg-type]  # it has content
    assert mapping.reason == "only 17 items have both factors and content, fewer than 20"


def test_the_models_own_items_and_people_stay_as_they_are() -> None:
    world = content_world(2, users=200)
    data, content = world.data, world.data.content
    assert content is not None
    model = fitted(data)
    extended = WithColdItems(model, content, map_content(model, content))
    wide = data.onto(extended.items)
    np.testing.assert_array_equal(
        extended.item_factors[np.isin(extended.items, model.items)], model.item_factors
    )
    np.testing.assert_array_equal(extended.fold_in(wide.confidence), model.fold_in(data.confidence))
    without = extended.recommend(wide.confidence, wide.seen, 10, blocked=extended.is_cold)
    own = model.recommend(data.confidence, data.seen, 10)
    assert (extended.items[without.items] == model.items[own.items]).all()


def test_every_described_item_has_others_like_it() -> None:
    world = content_world(3, users=200)
    content = world.data.content
    assert content is not None
    model = fitted(world.data)
    extended = WithColdItems(model, content, map_content(model, content))
    assert (extended.similar(5).items != NOTHING).all()


def test_an_item_that_nobody_likes_is_as_cold_as_one_that_the_model_lacks() -> None:
    world = content_world(4, users=200)
    data, content = world.data, world.data.content
    assert content is not None
    grown = np.unique(np.append(data.items, world.items[0]))  # somebody scrolled past it
    model = fitted(data.onto(grown))
    extended = WithColdItems(model, content, map_content(model, content))
    assert not model.item_factors[0].any()
    assert extended.is_cold[0]
    assert extended.item_factors[0].any()


def test_items_of_which_nothing_is_known_are_not_placed() -> None:
    world = content_world(5, users=200)
    content = world.data.content
    assert content is not None
    blind = replace(content, features=content.features.copy())
    blind.features[0] = 0
    model = fitted(world.data)
    extended = WithColdItems(model, blind, map_content(model, blind))
    assert world.items[0] not in extended.items
    assert world.items[5] in extended.items
    # Nor where the model has the item, and nobody likes it: it does not become a mean item.
    grown = fitted(world.data.onto(np.unique(np.append(world.data.items, world.items[0]))))
    extended = WithColdItems(grown, blind, map_content(grown, blind))
    assert not extended.is_cold[0]
    assert not extended.item_factors[0].any()


def test_the_mean_is_what_content_without_bearing_falls_back_on() -> None:
    """A great ridge is among those tried, so that the best can never foretell much worse than the mean."""
    world = content_world(6, users=120, items=100, likes=12, explained=False)
    model = fitted(world.data)
    noise = np.random.default_rng(0).normal(size=(100, 60))
    assert map_content(model, content_of(world.items, noise)).r2 > -0.01
