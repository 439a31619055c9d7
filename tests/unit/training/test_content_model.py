"""The item-content baseline against its formula, and the check of whether content tells taste."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from content_world import content_of, content_world
from scipy.sparse import csr_matrix
from test_als_truth import CPU, build

from revealed.errors import NoDataError
from revealed.training.artifact import load_model, save_model
from revealed.training.content_model import ContentModel, _slope, check_taste
from revealed.training.item_content import with_content
from revealed.training.matrix import Interactions
from revealed.training.protocol import NOTHING, create

RANDOM = np.random.default_rng(7)
FEATURES = np.abs(RANDOM.normal(size=(8, 3)))
FEATURES[6] = 0  # nothing is known of i0006
FEATURES[7] = FEATURES[5]  # i0007 is in nobody's data, and is described as i0005 is


def small() -> Interactions:
    """u0 likes 0 and 1 (more), dislikes 2, and passed over 3; u1 likes only 6; u2 only dislikes; u3 likes 4 and 5."""
    data = build(
        [0, 0, 0, 0, 1, 2, 3, 3],
        [0, 1, 2, 3, 6, 0, 4, 5],
        [3.0, 9.0, -4.0, -1.0, 5.0, -6.0, 2.0, 2.0],
        4,
        7,
    )
    ids = np.array([f"i{n:04d}" for n in range(8)], dtype=object)
    return with_content(data, content_of(ids, FEATURES))


def fitted(data: Interactions) -> ContentModel:
    model = ContentModel()
    model.fit(data, CPU)
    return model


def test_a_profile_is_what_is_liked_less_what_is_disliked() -> None:
    data = small()
    model = fitted(data)
    unit = FEATURES / np.maximum(np.linalg.norm(FEATURES, axis=1, keepdims=True), 1e-9)
    # -1 means what an unobserved pair means, so that -4 counts three.
    expected = 3 * unit[0] + 9 * unit[1] - 3 * unit[2]
    users = model.fold_in(data.onto(model.items).confidence)
    np.testing.assert_allclose(users[0, :3], expected / np.linalg.norm(expected), rtol=1e-5)
    assert users[:, :3].any(axis=1).tolist() == [True, False, False, True]


def test_lists_are_in_the_order_of_cosines_and_leave_out_what_nothing_is_known_of() -> None:
    data = small()
    model = fitted(data)
    wide = data.onto(model.items)
    nothing_seen = csr_matrix(wide.seen.shape, dtype=np.float32)
    found = model.recommend(wide.confidence, nothing_seen, 8)
    unit = FEATURES / np.maximum(np.linalg.norm(FEATURES, axis=1, keepdims=True), 1e-9)
    profile = 3 * unit[0] + 9 * unit[1] - 3 * unit[2]
    cosines = unit @ profile / np.linalg.norm(profile)
    expected = [int(item) for item in np.argsort(-cosines, kind="stable") if item != 6]
    # The liked i0005 stands before i0007, which is described the same and which nobody has met.
    assert found.items[0].tolist() == [*expected, NOTHING]
    np.testing.assert_allclose(found.scores[0, :7], cosines[expected], atol=1.1e-3)
    assert (found.items[[1, 2]] == NOTHING).all()


def test_likeness_is_the_cosine() -> None:
    model = fitted(small())
    found = model.similar(6)
    unit = FEATURES / np.maximum(np.linalg.norm(FEATURES, axis=1, keepdims=True), 1e-9)
    for item in (0, 3):
        cosines = unit @ unit[item]
        listed = found.items[item]
        assert set(listed) == set(range(8)) - {item, 6}
        np.testing.assert_allclose(found.scores[item], cosines[listed], atol=2e-6)
        np.testing.assert_allclose(cosines[listed], -np.sort(-cosines[listed]), atol=2e-6)
    assert (found.items[6] == NOTHING).all()


def test_it_is_saved_and_loaded_as_any_model(tmp_path: Path) -> None:
    data = small()
    model = fitted(data)
    loaded, _ = load_model(save_model(tmp_path, model, {}, {}).folder)
    assert isinstance(loaded, ContentModel)
    wide = data.onto(model.items)
    assert (
        loaded.recommend(wide.confidence, wide.seen, 5).items
        == model.recommend(wide.confidence, wide.seen, 5).items
    ).all()
    again = create("content", model.parameters)
    again.fit(data, CPU)
    assert (again.items == model.items).all()


def test_without_content_there_is_nothing_to_fit() -> None:
    data = build([0, 1], [0, 1], [2.0, 2.0], 2, 2)
    with pytest.raises(NoDataError, match="no content"):
        fitted(data)
    blind = content_of(data.items, np.zeros((2, 3)))
    with pytest.raises(NoDataError, match="describes none"):
        fitted(with_content(data, blind))


def test_taste_that_content_tells_is_found() -> None:
    world = content_world(1, users=300)
    assert world.data.content is not None
    found = check_taste(world.data, world.data.content)
    assert found.passed
    assert found.auc > 0.65
    assert found.crowd > 0


def test_content_of_another_item_tells_no_taste() -> None:
    for seed in range(20):
        world = content_world(seed, users=120, items=100, likes=12, explained=False)
        assert world.data.content is not None
        found = check_taste(world.data, world.data.content)
        assert not found.passed
        assert "no more like each other" in found.reason


def test_content_that_tells_popularity_alone_tells_no_taste() -> None:
    random = np.random.default_rng(3)
    weight = 1 / np.arange(1, 81)
    likes = [random.choice(80, 10, replace=False, p=weight / weight.sum()) for _ in range(400)]
    data = build(
        np.repeat(np.arange(400), 10).tolist(), np.concatenate(likes).tolist(), [9.0] * 4000, 400, 80
    )
    ranks = np.column_stack([np.cos(np.arange(80) / 60), np.sin(np.arange(80) / 60)])
    assert not check_taste(data, content_of(data.items, ranks)).passed


def test_the_slope_is_the_one_that_made_the_choices() -> None:
    random = np.random.default_rng(5)
    difference = random.uniform(-1, 1, 40_000)
    own = random.random(40_000) < 1 / (1 + np.exp(-3.0 * difference))
    assert _slope(np.where(own, difference, -difference)) == pytest.approx(3.0, abs=0.1)
    assert _slope(random.normal(size=40_000)) == pytest.approx(0.0, abs=0.05)
    assert _slope(np.full(10, 0.5)) == pytest.approx(100, rel=0.01)


@pytest.mark.parametrize("likes", [0, 1])
def test_people_who_like_less_than_two_things_tell_nothing(likes: int) -> None:
    data = build([0, 1, 2], [0, 1, 2], [2.0, 2.0, 2.0] if likes else [-2.0, -2.0, 2.0], 3, 3)
    found = check_taste(data, content_of(data.items, np.eye(3)))
    assert (found.passed, found.people) == (False, 0)


def test_more_weight_for_the_crowd_turns_lists_into_popularity() -> None:
    data = small()
    crowded = ContentModel(crowd=1e4)
    crowded.fit(data, CPU)
    wide = data.onto(crowded.items)
    found = crowded.recommend(wide.confidence, csr_matrix(wide.seen.shape, dtype=np.float32), 7)
    assert data.likes[found.items[0][:4]].tolist() == [1, 1, 1, 1]
    assert set(found.items[0][:4]) == {0, 1, 4, 5}
