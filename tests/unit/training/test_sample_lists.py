"""The lists that a reviewer is shown: real people's, of both kinds, with true reasons, and without their ids."""

from __future__ import annotations

import json

import numpy as np
import pytest
from test_als_truth import CPU, build, fitted, planted

from revealed.errors import MissingInputError
from revealed.training.explained_list import explain_list
from revealed.training.matrix import Interactions
from revealed.training.popularity import Popularity
from revealed.training.sample_lists import SAMPLES_PAGE, SAMPLES_TABLE, sample_files, sample_lists

TITLES = {"i0000": "A | strange\n<title>"}


def uneven() -> Interactions:
    """User n likes 1 + n // 4 of 60 items; the last user likes nothing."""
    random = np.random.default_rng(3)
    rows, columns = [], []
    for user in range(99):
        count = 1 + user // 4
        rows.extend([user] * count)
        columns.extend(random.choice(60, count, replace=False).tolist())
    values = [10.0] * len(rows)
    return build([*rows, 99], [*columns, 0], [*values, -5.0], 100, 60)


def test_heavy_and_light_people_are_drawn_and_a_seed_decides_which() -> None:
    data = uneven()
    model = fitted(data)
    found = sample_lists(model, data, TITLES)
    assert [sample.kind for sample in found] == ["heavy"] * 5 + ["light"] * 5
    assert [sample.person for sample in found] == list(range(1, 11))
    assert min(sample.likes for sample in found[:5]) >= 23  # the tenth who like most
    assert max(sample.likes for sample in found[5:]) <= 13  # the half who like least
    assert min(sample.likes for sample in found) > 0
    assert found == sample_lists(model, data, TITLES)
    assert found != sample_lists(model, data, TITLES, seed=1)


def test_each_list_is_the_models_own_and_its_reasons_are_what_the_person_likes() -> None:
    data = planted()
    model = fitted(data)
    ranking = model.recommend(data.confidence[4:5], data.seen[4:5], 5)
    found = explain_list(model, data, "u0004", 5, {})
    assert [item.item_id for item in found] == [str(model.items[at]) for at in ranking.items[0]]
    assert [item.rank for item in found] == [1, 2, 3, 4, 5]
    liked = {str(data.items[at]) for at in data.confidence[4].indices}
    for item in found:
        assert {reason.item_id for reason in item.because} == liked
        assert sum(reason.amount for reason in item.because) == pytest.approx(item.score)
        assert item.sentence().endswith("and 9 more")
    blocked = explain_list(model, data, "u0004", 5, {}, unavailable=frozenset({found[0].item_id}))
    assert [item.item_id for item in blocked][:4] == [item.item_id for item in found][1:]


def test_one_item_is_explained_wherever_it_ranks() -> None:
    data = planted()
    model = fitted(data)
    first = explain_list(model, data, "u0004", 5, {})[1]
    assert explain_list(model, data, "u0004", 5, {}, only_item=first.item_id) == [first]
    seen = str(data.items[data.seen[4].indices[0]])
    assert explain_list(model, data, "u0004", 5, {}, only_item=seen)[0].rank is None
    with pytest.raises(MissingInputError, match="does not know 'i9'"):
        explain_list(model, data, "u0004", 5, {}, only_item="i9")
    with pytest.raises(MissingInputError, match="nothing is known of 'nobody'"):
        explain_list(model, data, "nobody", 5, {})


def test_files_are_a_table_for_mlflow_and_a_page_and_hold_no_users_id() -> None:
    data = uneven()
    model = Popularity()
    model.fit(data, CPU)
    files = sample_files(sample_lists(model, data, TITLES))
    table = json.loads(files[SAMPLES_TABLE])
    assert {len(row) for row in table["data"]} == {len(table["columns"])}
    assert all("people; the same for everybody" in row[3] for row in table["data"])
    for text in files.values():
        assert not [user for user in data.users if user.encode() in text]
    page = files[SAMPLES_PAGE].decode()
    assert "<title>" not in page
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {5}
