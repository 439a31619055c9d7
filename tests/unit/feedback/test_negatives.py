"""Unseen items follow the stated strategy, are unseen, and depend on the seed and the rows alone."""

from __future__ import annotations

from collections import Counter
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from revealed.feedback.negatives import NegativeSampling, draw_negatives

NOTHING = "(select user_id, item_id from interactions where false)"


def world(likes: list[int]) -> duckdb.DuckDBPyConnection:
    """Item n is liked by as many of the users as `likes` says; every user likes something."""
    con = duckdb.connect()
    con.execute(
        "create table items (item_id varchar, is_available boolean default true, published_at timestamp)"
    )
    con.execute(
        "create table interactions (user_id varchar, item_id varchar, preference integer, as_of timestamp)"
    )
    for item, fans in enumerate(likes):
        con.execute("insert into items (item_id) values (?)", [f"i{item:03}"])
        con.execute(
            "insert into interactions select 'u' || n, ?, 1, timestamp '2026-02-01' from range(?) r (n)",
            [f"i{item:03}", fans],
        )
    return con


def draw(
    con: duckdb.DuckDBPyConnection,
    strategy: str,
    *,
    per_positive: int = 2,
    seed: int = 1,
    seen: str = NOTHING,
) -> list[tuple[Any, ...]]:
    sampling = NegativeSampling(strategy, per_positive, seed)
    query = draw_negatives(con, sampling, interactions="interactions", items="items", seen=seen)
    return con.execute(query).fetchall()


@pytest.mark.parametrize("strategy", ["uniform", "popularity"])
def test_the_first_item_drawn_follows_the_stated_strategy(strategy: str) -> None:
    likes = [4000, 2000, 1000, 500, 250, 125, 60, 30, 10, 1]
    con = world(likes)
    first = Counter(item for _, item, _, _, rank in draw(con, strategy, per_positive=1) if rank == 1)
    weight = np.array(likes, dtype=float) ** {"uniform": 0.0, "popularity": 0.75}[strategy]
    observed = np.array([first[f"i{item:03}"] for item in range(len(likes))])
    expected = weight / weight.sum() * observed.sum()
    assert observed.sum() == 4000
    assert chisquare(observed, expected).pvalue > 0.001
    # The same draw is told from the other strategy, and from raw popularity.
    for power in {0.0, 0.75, 1.0} - {0.0 if strategy == "uniform" else 0.75}:
        other = np.array(likes, dtype=float) ** power
        assert chisquare(observed, other / other.sum() * observed.sum()).pvalue < 1e-6


def test_what_is_known_is_passed_over_and_the_rest_keep_their_proportions() -> None:
    likes = [3000, 1500, 800, 400, 200]
    con = world(likes)
    con.execute("create table seen as select 'u' || n as user_id, 'i000' as item_id from range(3000) r (n)")
    first = Counter(item for *_, item, _, _, rank in draw(con, "popularity", seen="seen") if rank == 1)
    weight = np.array(likes[1:], dtype=float) ** 0.75
    observed = np.array([first[f"i{item:03}"] for item in range(1, 5)])
    assert first["i000"] == 0
    assert chisquare(observed, weight / weight.sum() * observed.sum()).pvalue > 0.001


def test_weights_make_the_sample_read_as_uniform() -> None:
    """Horvitz and Thompson: the weighted share of each item among first draws is one over their number."""
    likes = [4000, 2000, 1000, 500]
    rows = [row for row in draw(world(likes), "popularity", per_positive=1) if row[4] == 1]
    shares = Counter[str]()
    for _, item, weight, _, _ in rows:
        shares[item] += weight / len(rows)
    assert list(shares.values()) == pytest.approx([0.25] * 4, rel=0.1)
    assert {row[2] for row in draw(world(likes), "uniform")} == {1.0}


def test_items_gone_or_yet_to_come_are_not_drawn() -> None:
    con = world([30, 20, 10, 5])
    con.execute("update items set is_available = false where item_id = 'i001'")
    con.execute("update items set published_at = timestamp '2026-02-02' where item_id = 'i002'")
    con.execute("update items set published_at = timestamp '2026-01-02' where item_id = 'i003'")
    assert {row[1] for row in draw(con, "uniform")} == {"i000", "i003"}


def test_threads_and_the_order_of_rows_change_nothing_and_the_seed_does() -> None:
    con = world([400, 200, 100, 50, 25, 12])
    con.execute("set threads = 1")
    before = draw(con, "popularity")
    con.execute("create or replace table interactions as select * from interactions order by hash(user_id)")
    con.execute("create or replace table items as select * from items order by hash(item_id)")
    con.execute("set threads = 4")
    assert draw(con, "popularity") == before
    assert draw(con, "popularity", seed=2) != before


def test_who_knows_nearly_everything_still_gets_what_is_left() -> None:
    """Forty items, two of them unseen: later rounds find both, in the order in which they were drawn."""
    con = world([1] * 40)
    con.execute(
        "create table seen as select 'u0' as user_id, item_id from items where item_id not in ('i007', 'i011')"
    )
    rows = draw(con, "uniform", per_positive=4, seen="seen")
    assert {row[1] for row in rows} == {"i007", "i011"}
    assert [row[4] for row in rows] == [1, 2]


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_laws_of_any_draw(data: st.DataObject) -> None:
    likes = data.draw(st.lists(st.integers(0, 12), min_size=1, max_size=12))
    strategy = data.draw(st.sampled_from(["uniform", "popularity"]))
    k = data.draw(st.integers(0, 5))
    con = world(likes)
    con.execute(
        "create table seen as select user_id, item_id from interactions where hash(user_id, item_id) % 3 = 0"
    )
    seen = set(con.execute("from seen").fetchall())
    wanted = Counter(user for (user,) in con.execute("select user_id from interactions").fetchall())
    rows = draw(con, strategy, per_positive=k, seen="seen")
    assert not seen & {(user, item) for user, item, *_ in rows}
    assert len({(user, item) for user, item, *_ in rows}) == len(rows)
    for user, positives in wanted.items():
        ranks = [rank for who, *_, rank in rows if who == user]
        assert ranks == list(range(1, len(ranks) + 1))
        assert len(ranks) <= k * positives
