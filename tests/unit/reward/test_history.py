"""Features are what was known when a list was shown: held against a count by hand, and blind to whatever came later."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from reward_world import Log, catalogue, planted_log, replace_tables

from revealed.reward.history import FEATURES, History

START_KNOWN = pd.Timestamp("2026-01-05 12:00")
MIDDLE = pd.Timestamp("2026-01-15")


def features(tmp_path: Path, log: Log, before: pd.Timestamp | None = None) -> pd.DataFrame:
    """Features of all showings, those before a moment only if one is given, by request and item."""
    con = duckdb.connect()
    con.execute("create schema marts; create schema intermediate; create schema policy")
    replace_tables(con, log)
    path = tmp_path / "items.parquet"
    con.execute(f"copy (from marts.dim_items order by item_id) to '{path}'")
    condition = f"where occurred_at < timestamp '{before}'" if before is not None else ""
    con.execute(
        "create temp table wanted as select row_number() over (order by request_id, item_id) - 1 as place,"
        f" request_id, item_id from intermediate.int_impressions_resolved {condition}"
    )
    found = History(con, path).features("wanted")
    keys = con.execute("select request_id, item_id from wanted order by place").df()
    return pd.concat([keys, pd.DataFrame(found.features, columns=list(FEATURES))], axis=1)


def small_log() -> Log:
    log = planted_log()
    return replace(log, shown=log.shown.iloc[:3_000], events=log.events.iloc[:1_100])


def told_late(log: Log) -> Log:
    """Some events are negative, some come late, and some visitors turn out later to be people."""
    random = np.random.default_rng(9)
    events, shown = log.events.copy(), log.shown.copy()
    events.loc[random.random(len(events)) < 0.3, "polarity"] = "negative"
    late = random.random(len(events)) < 0.2
    events.loc[late, "received_at"] += pd.Timedelta(hours=80)
    for table in (events, shown):
        visitors = table["actor_id"].str[-1].isin(["3", "4"])
        table.loc[visitors, "logged_actor_id"] = "anon:" + table.loc[visitors, "actor_id"]
        table.loc[visitors, "identity_known_at"] = START_KNOWN
    return replace(log, events=events, shown=shown)


def by_hand(log: Log, row: pd.Series, items: pd.DataFrame) -> dict[str, float]:
    """Count every event again for one showing, by the words of the documentation."""
    at = row["occurred_at"]
    events = log.events[~log.events["is_bot"]]
    who = (
        row["logged_actor_id"]
        if pd.notna(row["identity_known_at"]) and row["identity_known_at"] >= at
        else row["actor_id"]
    )
    as_person = (events["actor_id"] == who) & (events["received_at"] < at)
    as_person &= events["identity_known_at"].isna() | (events["identity_known_at"] < at)
    as_visitor = (events["logged_actor_id"] == who) & (events["logged_actor_id"] != events["actor_id"])
    own = events[as_person | (as_visitor & (events["received_at"] < at))]
    told = items.loc[own["item_id"]]
    item = items.loc[row["item_id"]]
    positive = (own["polarity"] == "positive").to_numpy()
    found: dict[str, float] = {}
    for key in ("topic", "author", "format"):
        same = (told[key] == item[key]).to_numpy()
        found[f"{key}_for"] = float((same & positive).sum() / (len(own) + 5))
        found[f"{key}_against"] = float((same & ~positive).sum() / (len(own) + 5))
    same = (own["item_id"] == row["item_id"]).to_numpy()
    found["item_for"] = float((same & positive).sum() / (len(own) + 5))
    found["item_against"] = float((same & ~positive).sum() / (len(own) + 5))
    # Every time here is a whole hour, so that a count becomes known an hour later.
    hour = at - pd.Timedelta(hours=1)
    others = events[(events["item_id"] == row["item_id"]) & (events["polarity"] == "positive")]
    engagements = int((others["received_at"] < hour).sum())
    shown = log.shown[(log.shown["item_id"] == row["item_id"])]
    showings = int((shown["occurred_at"] < hour).sum())
    found["popularity"] = float(np.log1p(engagements))
    found["engagement_rate"] = float(np.log((engagements + 2) / (showings + 20)))
    return found


def test_features_are_a_count_by_hand(tmp_path: Path) -> None:
    log = told_late(small_log())
    found = features(tmp_path, log).set_index(["request_id", "item_id"])
    items = catalogue(3).set_index("item_id")
    rows = log.shown.sample(120, random_state=1)
    assert rows["identity_known_at"].notna().sum() > 10
    for _, row in rows.iterrows():
        expected = by_hand(log, row, items)
        ours = found.loc[(row["request_id"], row["item_id"])]
        for name, value in expected.items():
            assert ours[name] == pytest.approx(value), (name, row["request_id"], row["item_id"])


def test_the_words_of_the_last_items_speak_for_like_items(tmp_path: Path) -> None:
    log = small_log()
    found = (
        features(tmp_path, log)
        .merge(log.shown, on=["request_id", "item_id"])
        .merge(catalogue(3), on="item_id")
    )
    found["is_own"] = found["topic"] == found["actor_id"].str[1:].astype(int).mod(3).map(
        dict(enumerate(("cats", "dogs", "birds")))
    )
    late = found[found["occurred_at"] > found["occurred_at"].quantile(0.8)]
    means = late.groupby("is_own")["text_likeness"].mean()
    assert means[True] > means[False] + 0.1
    assert found["text_likeness"].between(0, 1 + 1e-12).all()


def test_nothing_that_comes_later_is_seen(tmp_path: Path) -> None:
    """The features of early lists are the same bits whether the log ends then or goes on."""
    log = told_late(planted_log())
    until = replace(
        log,
        events=log.events[log.events["received_at"] < MIDDLE],
        shown=log.shown[log.shown["occurred_at"] < MIDDLE],
    )
    whole, cut = features(tmp_path, log, MIDDLE), features(tmp_path, until, MIDDLE)
    pd.testing.assert_frame_equal(whole, cut, check_exact=True)
    assert whole["topic_for"].max() > 0.2


def test_what_came_of_a_list_is_not_among_its_own_features(tmp_path: Path) -> None:
    log = small_log()
    last = log.shown["request_id"].max()
    without = replace(log, events=log.events[log.events["matched_request_id"] != last])
    ours, other = (features(tmp_path, found).query(f"request_id == '{last}'") for found in (log, without))
    pd.testing.assert_frame_equal(ours, other, check_exact=True)


def test_position_and_score_are_no_features(tmp_path: Path) -> None:
    log = small_log()
    random = np.random.default_rng(1)
    order: NDArray[np.int64] = random.permutation(len(log.shown))
    moved = log.shown.assign(
        position=log.shown["position"].to_numpy()[order], score=log.shown["score"].to_numpy()[order]
    )
    pd.testing.assert_frame_equal(
        features(tmp_path, log), features(tmp_path, replace(log, shown=moved)), check_exact=True
    )
