"""A reward model fitted on `feedback_pairs` finds the planted order of the items, and the weights help it to.

Logs of a ranker that favours good items, read by people who look at position k with probability 1/k^0.8. The pairs
are those of the model's own SQL, with and without the examination that its weights come from.
"""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
import pytest
from compiled_models import compile_models, create_table
from loop_steps import settings_at
from numpy.typing import NDArray
from scipy.stats import kendalltau
from sklearn.linear_model import LogisticRegression

pytestmark = [pytest.mark.dbt, pytest.mark.slow]

ITEMS, SLOTS, CANDIDATES, REQUESTS = 40, 6, 12, 30_000
Numbers = NDArray[np.float64]


@pytest.fixture(scope="module")
def pairs_sql(tmp_path_factory: pytest.TempPathFactory) -> str:
    return compile_models(settings_at(tmp_path_factory.mktemp("home")), "feedback_pairs")["feedback_pairs"]


def impressions(seed: int, relevance: Numbers) -> pd.DataFrame:
    """What `fct_impressions` tells of such logs: engaged; skipped if above something engaged; else unexamined."""
    random = np.random.default_rng(seed)
    examination = 1 / np.arange(1, SLOTS + 1) ** 0.8
    pool = random.random((REQUESTS, ITEMS)).argsort(axis=1)[:, :CANDIDATES]
    taste = 0.5 * np.log(relevance / (1 - relevance))[pool] + random.normal(0, 0.8, pool.shape)
    shown = np.take_along_axis(pool, (-taste).argsort(axis=1), axis=1)[:, :SLOTS]
    clicked = (random.random(shown.shape) < examination) & (random.random(shown.shape) < relevance[shown])
    places = np.broadcast_to(np.arange(SLOTS), shown.shape)
    deepest = np.where(clicked, places, -1).max(axis=1, keepdims=True)
    state = np.where(clicked, "engaged", np.where(places < deepest, "skipped", "unexamined"))
    return pd.DataFrame(
        {
            "request_id": np.repeat(np.arange(REQUESTS), SLOTS).astype(str),
            "item_id": shown.ravel().astype(str),
            "position": places.ravel() + 1,
            "feedback_state": state.ravel(),
            "examination_propensity": np.broadcast_to(examination, shown.shape).ravel(),
        }
    )


def pairs_of(sql: str, shown: pd.DataFrame) -> pd.DataFrame:
    con = duckdb.connect()
    con.execute("create schema marts")
    con.register("shown", shown)
    con.execute(
        "create table marts.fct_impressions as select *, 'ann' as actor_id, 'home' as surface, 'm' as model_version, "
        "'p' as policy, timestamp '2026-01-01' as occurred_at, timestamp '2026-02-01' as as_of, true as is_mature, "
        "false as is_clickbait, false as is_bot, 0.0 as gross_value, 0.0 as net_value from shown"
    )
    opinions = {"request_id": "varchar", "item_id": "varchar", "opinion": "varchar"}
    create_table(con, "intermediate.int_explicit_opinions", opinions)
    create_table(con, "policy.signal_policy", {"policy_version": "varchar"})
    return con.execute(sql).df()


def utilities(pairs: pd.DataFrame, weight: Numbers) -> Numbers:
    """Bradley and Terry: P(i over j) = sigma(u_i - u_j), each pair mirrored."""
    wins = np.zeros((ITEMS, ITEMS))
    chosen, rejected = (pairs[f"{side}_item_id"].astype(int).to_numpy() for side in ("chosen", "rejected"))
    np.add.at(wins, (chosen, rejected), weight)
    winner, loser = np.nonzero(wins)
    design = np.eye(ITEMS)[winner] - np.eye(ITEMS)[loser]
    model = LogisticRegression(C=100, fit_intercept=False, max_iter=500)
    labels = np.repeat([1, 0], len(winner))
    model.fit(np.vstack([design, -design]), labels, sample_weight=np.tile(wins[winner, loser], 2))
    return np.asarray(model.coef_[0], dtype=np.float64)


def test_pairs_recover_the_planted_order_and_their_weights_help(pairs_sql: str) -> None:
    found = []
    for seed in (1, 2, 3):
        relevance = np.random.default_rng(seed).uniform(0.05, 0.7, ITEMS)
        pairs = pairs_of(pairs_sql, impressions(seed, relevance))
        weight = pairs["weight"].to_numpy(dtype=np.float64)
        assert len(pairs) > 50_000
        assert 0.1 <= weight.min() < 1
        ways = (weight, np.ones(len(pairs)), 1 / weight)
        found.append([float(kendalltau(utilities(pairs, way), relevance).statistic) for way in ways])
    weighted, plain, inverted = np.mean(found, axis=0)
    assert weighted > 0.93
    assert weighted > plain
    # The ratio the other way round would do much more harm than none.
    assert inverted < plain - 0.03
