"""Everybody gets a list: from the model, from content, from the topics of late, or from what most people like."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from content_world import content_of, content_world
from scipy.sparse import csr_matrix, vstack
from test_als_truth import CPU, fitted, planted
from test_serving_lists import popularity_of

from revealed.training.content_model import ContentModel
from revealed.training.item_content import with_content
from revealed.training.matrix import Interactions
from revealed.training.protocol import NOTHING
from revealed.training.recent_likes import RecentLikes
from revealed.training.serving import SOURCES, Server


def with_people(data: Interactions, likes: list[list[int]]) -> Interactions:
    """Add people who like these items (and have seen them) below the others."""
    rows = np.repeat(np.arange(len(likes)), [len(items) for items in likes])
    columns = np.array([item for items in likes for item in items], dtype=np.int32)
    added = csr_matrix(
        (np.full(len(rows), 9, dtype=np.float32), (rows, columns)), shape=(len(likes), len(data.items))
    )
    return replace(
        data,
        users=np.array([f"u{n:04d}" for n in range(len(data.users) + len(likes))], dtype=object),
        confidence=vstack([data.confidence, added]).tocsr(),
        seen=vstack([data.seen, added / 9]).tocsr(),
    )


def topical(users: int = 150, items: int = 60) -> Interactions:
    """`planted` tastes with their number as topic and as content; items 54 to 59 are unknown to a model of the others."""
    data = planted(users=users, items=items)
    tastes = np.arange(items) % 3
    return with_content(data, content_of(data.items, np.eye(3)[tastes], [f"taste {n}" for n in tastes]))


def sources_of(server: Server, rows: list[int], k: int) -> list[list[str]]:
    served = server.lists(np.array(rows), k)
    return [[served.names[code] for code in row] for row in served.source]


def test_what_the_model_has_never_seen_is_listed_by_its_content_and_marked() -> None:
    data = topical()
    model = fitted(data.onto(data.items[:54]))
    server = Server(model, popularity_of(data), data)
    assert server.cold_items is not None
    assert server.cold_items.accepted
    served = server.lists(np.arange(150), 12)
    assert (served.items != NOTHING).all()
    marked = served.source == served.names.index("cold_item")
    assert (marked == (served.items >= 54)).all()
    assert marked.any()
    # A cold item is listed to those whose taste it is of.
    users, places = np.nonzero(marked)
    assert (served.items[users, places] % 3 == users % 3).mean() > 0.8


def test_who_likes_only_what_the_model_does_not_know_is_served_by_content() -> None:
    data = with_people(topical(), [[54, 57], [55], [56, 59]])
    model = fitted(data.onto(data.items[:54]))
    server = Server(model, popularity_of(data), data)
    assert server.taste is not None
    assert server.taste.passed
    served = server.lists(np.array([150, 151, 152]), 10)
    assert {served.names[code] for code in served.source.ravel()} == {"content"}
    for row, taste in enumerate((0, 1, 2)):
        assert (served.items[row] % 3 == taste).all()
    # The same people without content: what most people like.
    plain = Server(model, popularity_of(data), replace(data, content=None))
    assert sources_of(plain, [150, 151, 152], 10) == [["popularity"] * 10] * 3


def test_content_that_tells_no_taste_serves_nobody() -> None:
    data = with_people(topical(), [[54, 57]])
    noise = np.random.default_rng(1).normal(size=(60, 5))
    blind = with_content(data, content_of(data.items, noise))
    server = Server(fitted(blind.onto(blind.items[:54])), popularity_of(blind), blind)
    assert server.taste is not None
    assert server.cold_items is not None
    assert not server.taste.passed
    assert not server.cold_items.accepted
    assert sources_of(server, [150], 10) == [["popularity"] * 10]
    assert "cold_item" not in {source for row in sources_of(server, list(range(150)), 12) for source in row}


def test_where_content_serves_nobody_the_topics_of_late_do_and_then_popularity() -> None:
    data = with_people(topical(), [[54, 57], []])
    noise = np.random.default_rng(1).normal(size=(60, 5))
    assert data.content is not None
    told = content_of(data.items, noise, data.content.topics.tolist())
    data = with_content(data, told)
    recent = RecentLikes(data.items[[0, 3, 6, 7, 54]], np.array([1, 5, 3, 9, 8]))
    model = fitted(data.onto(data.items[:54]))
    server = Server(model, popularity_of(data), data, data.items[[6]], recent=recent)
    served = server.lists(np.array([150, 151]), 4)
    # Of the taste's recent items 54 has been seen and 6 is not available; 7 is of another topic.
    assert served.items[0, :2].tolist() == [3, 0]
    assert sources_of(server, [150, 151], 4) == [
        ["topic_recent", "topic_recent", "popularity", "popularity"],
        ["popularity"] * 4,
    ]
    assert len(set(served.items[0])) == 4


def test_what_people_acted_on_and_nobody_likes_is_not_taken_for_new() -> None:
    data = topical()
    disliked = replace(
        data,
        confidence=data.confidence.multiply(1 - 2 * (np.arange(60) == 58)).tocsr(),
    )
    model = fitted(disliked.onto(disliked.items[:54]))
    served = Server(model, popularity_of(disliked), disliked).lists(np.arange(150), 40)
    assert 57 in served.items
    assert 58 not in served.items


@pytest.mark.parametrize("k", [1, 7, 48])
def test_everybody_gets_a_full_list_without_repeats_or_what_they_have_had(k: int) -> None:
    data = with_people(topical(), [[54, 57], [], [0]])
    for known in (10, 54, 60):
        model = fitted(data.onto(data.items[:known]))
        recent = RecentLikes(data.items[::7], np.arange(1, 10))
        server = Server(model, popularity_of(data), data, data.items[[3]], recent=recent)
        rows = np.arange(153)
        served = server.lists(rows, k)
        expected = np.minimum(server.servable(), k)
        for row in rows:
            shown = served.items[row][served.items[row] != NOTHING]
            assert len(shown) == len(set(shown)) == expected[row]
            assert not set(shown) & ({3} | set(data.seen[row].indices))
        assert ((served.source == NOTHING) == (served.items == NOTHING)).all()
        assert (server.items_for(rows, k) == served.items).all()


def test_lists_without_some_items_are_those_of_a_server_that_was_told_at_first() -> None:
    data = with_people(topical(), [[54, 57], [], [0]])
    model, recent = fitted(data.onto(data.items[:54])), RecentLikes(data.items[::7], np.arange(1, 10))
    whole = Server(model, popularity_of(data), data, data.items[[3]], recent=recent)
    told = Server(model, popularity_of(data), data, data.items[[3, 7, 55]], recent=recent)
    rows = np.arange(153)
    before = whole.lists(rows, 20)
    fewer = whole.without(np.array([*data.items[[7, 55]], "unknown"], dtype=object))
    for name in ("items", "scores", "source"):
        assert (getattr(fewer.lists(rows, 20), name) == getattr(told.lists(rows, 20), name)).all()
        assert (getattr(whole.lists(rows, 20), name) == getattr(before, name)).all()
    assert (fewer.servable() == told.servable()).all()


def test_content_as_the_model_itself_needs_no_content_beside_it() -> None:
    data = topical()
    model = ContentModel()
    model.fit(data, CPU)
    server = Server(model, popularity_of(data), data)
    assert server.names == ("content", "cold_item", "topic_recent", "popularity")
    assert server.cold_items is None
    assert sources_of(server, [0], 5) == [["content"] * 5]


def test_every_described_item_has_others_like_it_and_says_by_what() -> None:
    data = topical()
    model = fitted(data.onto(data.items[:54]))
    server = Server(model, popularity_of(data), data, data.items[[3]])
    served = server.similar(8)
    assert (served.items != NOTHING).all()
    assert not (served.items == 3).any()
    assert not (served.items == np.arange(60)[:, None]).any()
    by_content = served.source == served.names.index("content")
    assert (by_content == ((served.items >= 54) | (np.arange(60) >= 54)[:, None])).all()
    assert (served.items % 3 == np.arange(60)[:, None] % 3).mean() > 0.95


def test_likeness_falls_back_on_content_where_the_model_knows_none() -> None:
    data = topical()
    popularity = popularity_of(data)
    for model in (
        popularity,
        fitted(data.onto(data.items[:15])),
    ):  # popularity; ALS of too few items for a map
        server = Server(model, popularity, data)
        assert server.cold_items is None or not server.cold_items.accepted
        served = server.similar(5)
        assert (served.items[15:] % 3 == np.arange(15, 60)[:, None] % 3).all()
        assert {served.names[code] for code in served.source[15:].ravel()} == {"content"}


def test_without_content_nothing_is_said_of_what_the_model_does_not_know() -> None:
    data = replace(topical(), content=None)
    server = Server(fitted(data.onto(data.items[:54])), popularity_of(data), data)
    served = server.similar(5)
    assert (served.items[:54] != NOTHING).all()
    assert (served.items[54:] == NOTHING).all()
    assert not server.is_described().any()


def test_sources_are_named_once() -> None:
    world = content_world(1, users=100)
    server = Server(popularity_of(world.data), popularity_of(world.data), world.data)
    assert server.names == ("popularity", "cold_item", "content", "topic_recent")
    assert set(server.names) == set(SOURCES)
