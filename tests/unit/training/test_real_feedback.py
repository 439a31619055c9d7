"""On real behaviour: what people watched before KuaiRand's log began must tell what they long-view next."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pytest
from scipy.sparse import csr_matrix
from test_als_truth import CPU

from revealed.evaluation import Contender, compare
from revealed.training.als import ImplicitALS
from revealed.training.matrix import interactions
from revealed.training.popularity import Popularity
from revealed.training.serving import Server

KUAIRAND = Path(__file__).parents[4] / "shared" / "data" / "kuairand"


@pytest.mark.skipif(not KUAIRAND.is_dir(), reason=f"no real data at {KUAIRAND}")
def test_als_beats_popularity_on_kuairand() -> None:
    con = duckdb.connect()
    con.execute(
        f"create table pairs as select distinct user_id, unnest(watch_seq) as item_id"
        f" from '{KUAIRAND}/history_before_20220425.parquet' where user_id % 8 = 0"
    )
    con.execute(
        "create table users as select user_id, row_number() over (order by user_id) - 1 as u from pairs group by 1"
    )
    con.execute(
        "create table items as select item_id, row_number() over (order by item_id) - 1 as i from pairs group by 1"
    )
    train = con.execute(
        "select u, i from pairs join users using (user_id) join items using (item_id)"
    ).fetchnumpy()
    test = con.execute(
        f"select distinct u, i from '{KUAIRAND}/impressions_20220425_20220508.parquet'"
        " join users using (user_id) join items on video_id = item_id anti join pairs using (user_id, item_id)"
        " where long_view = 1"
    ).fetchnumpy()
    ids = [
        np.array([f"{value:06d}" for value in range(int(train[side].max()) + 1)], dtype=object)
        for side in ("u", "i")
    ]
    pairs = len(train["u"])
    data = interactions(
        *ids, train["u"], train["i"], np.full(pairs, 11, dtype=np.float32), np.ones(pairs, dtype=bool)
    )
    popularity, model = Popularity(), ImplicitALS(factors=32, iterations=8)
    popularity.fit(data, CPU)
    model.fit(data, CPU)
    rows = np.unique(test["u"])
    relevance = csr_matrix((np.ones(len(test["u"])), (test["u"], test["i"])), shape=data.confidence.shape)[
        rows
    ]
    lists = [
        Contender(found.name, Server(found, popularity, data).lists(rows, 20).items)
        for found in (model, popularity)
    ]
    found = compare(lists, relevance, data.likes, len(data.users)).difference("als", "popularity")
    assert found is not None
    assert found.low > 0
