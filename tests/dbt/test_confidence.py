"""Signed confidence: nothing known later has a say in a fold, every number can be worked out again, real signs are right."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from loop_steps import build, build_models, copy_landing, put_into_service, settings_at
from typer.testing import CliRunner

from revealed.cli import app
from revealed.engines.duckdb import connect
from revealed.errors import MissingInputError, NoDataError, RevealedError
from revealed.feedback import explain_pair
from revealed.landing import ingest_landing, ingest_path
from revealed.settings import Settings
from revealed.simulation import WorldConfig, simulate
from revealed.warehouse import open_published

pytestmark = [pytest.mark.dbt]

# In the evening, in the middle of people's sessions.
AS_OF = datetime(2026, 1, 7, 19, 30, tzinfo=UTC)
HOLDOUT_START = datetime(2026, 1, 5, 19, 30, tzinfo=UTC)
KUAIRAND = Path(__file__).resolve().parents[3] / "shared" / "data" / "kuairand"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A world without lines that are days late, as of AS_OF, in service."""
    folder = tmp_path_factory.mktemp("world") / "landing"
    simulate(
        folder, replace(WorldConfig.demo(), users=300, items=100, days=7, mean_activity=0.35, late_rate=0.0)
    )
    settings = settings_at(tmp_path_factory.mktemp("home"))
    copy_landing(folder, settings.landing)
    ingest_landing(settings)
    put_into_service(settings, build(settings, AS_OF))
    return settings


@pytest.fixture
def con(home: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    opened = open_published(home)
    yield opened
    opened.close()


def test_the_training_fold_is_the_dataset_as_it_was_when_the_holdout_began(home: Settings) -> None:
    """Row for row, bit for bit: visitors not yet known, events not yet received, reversals not yet made."""
    earlier = build_models(home, HOLDOUT_START, "+feedback_user_item", from_scratch=True)
    con = connect(home)
    con.execute(f"attach '{home.published_warehouse.resolve()}' as later (read_only)")
    con.execute(f"attach '{earlier.database}' as earlier (read_only)")
    con.execute("create table fold as select * exclude (as_of) from later.marts.feedback_fold_train")
    con.execute("create table past as select * exclude (as_of) from earlier.marts.feedback_user_item")
    counts = con.execute("select (select count(*) from fold), (select count(*) from past)").fetchone()
    crossing = con.execute(
        """with plan as (from later.ops.build_plan)
        select (select count(*) from later.intermediate.int_visits_at_holdout),
            (select count(*) from later.intermediate.int_identity_links, plan where known_at >= holdout_start),
            (select count(*) from later.marts.fct_reversals, plan
             where received_at >= holdout_start and original_occurred_at < holdout_start)"""
    ).fetchone()
    differing = con.execute(
        "select 'fold', * from (from fold except all from past) union all"
        " select 'past', * from (from past except all from fold) order by 2, 3, 1"
    ).fetchall()
    con.close()
    assert counts is not None
    assert counts[0] == counts[1] > 1_000
    assert crossing is not None
    assert min(crossing) > 0, "nothing crosses the holdout's start: this proves little"
    assert differing == []


def test_pieces_add_up_to_what_was_published(home: Settings, con: duckdb.DuckDBPyConnection) -> None:
    """Worked out again from the JSON alone, for pairs of every kind."""
    pairs = con.execute(
        "select user_id, item_id, confidence from marts.feedback_user_item order by all"
    ).fetchall()
    kinds = con.execute(
        "select user_id, item_id, confidence from marts.feedback_user_item"
        " where anchor is not null or skip_evidence > 0 or is_hidden or damping_factor < 1 order by all"
    ).fetchall()
    drawn = random.Random(4)
    for user, item, confidence in drawn.sample(pairs, 15) + drawn.sample(kinds, 15):
        told = json.loads(json.dumps(explain_pair(home, user, item).to_dict(), default=str))
        assert worked_out(told) == pytest.approx(confidence, rel=1e-6, abs=1e-5), (user, item)


def worked_out(told: dict[str, Any]) -> float:
    """The confidence from the factors of the pieces: no code of ours in between."""
    factors = (
        "base_weight",
        "strength",
        "kept_share",
        "recency_factor",
        "dwell_factor",
        "examination_factor",
        "damping",
    )
    sums = {"positive": 0.0, "negative": 0.0, "skips": 0.0}
    for piece in told["pieces"]:
        kind = "skips" if piece["kind"] == "skipped_impression" else piece["polarity"]
        assert piece["recency_factor"] == pytest.approx(2 ** (-piece["age_days"] / piece["half_life_days"]))
        sums[kind] += math.prod(piece[name] for name in factors)
    rule = told["rule"]
    against = sums["negative"] + min(rule["skip_evidence_max"], sums["skips"])
    if sums["positive"] > against:
        return min(rule["confidence_max"], 1 + rule["confidence_alpha"] * (sums["positive"] - against))
    return max(-rule["confidence_max"], -(1 + rule["confidence_beta"] * (against - sums["positive"])))


def test_everything_known_of_a_pair_is_either_counted_or_has_a_reason(
    home: Settings, con: duckdb.DuckDBPyConnection
) -> None:
    pairs = con.execute(
        "select actor_id, events.item_id, list(distinct event_id) from marts.fct_events as events"
        " semi join marts.feedback_user_item as pairs"
        " on pairs.user_id = events.actor_id and pairs.item_id = events.item_id"
        " group by all having count(*) > 6 order by 1, 2 limit 12"
    ).fetchall()
    shown = (
        "select request_id || '|' || item_id from marts.fct_impressions where actor_id = ? and item_id = ?"
    )
    for user, item, events in pairs:
        found = explain_pair(home, user, item)
        told = {piece["evidence_id"] for piece in found.pieces} | {entry["id"] for entry in found.uncounted}
        impressions = {row[0] for row in con.execute(shown, [user, item]).fetchall()}
        assert told == set(events) | impressions
        assert all(entry["reason"] for entry in found.uncounted)


def test_what_is_taken_back_or_not_looked_at_is_told_with_its_reason(
    home: Settings, con: duckdb.DuckDBPyConnection
) -> None:
    user, item, save = row_of(
        con,
        "select events.actor_id, events.item_id, events.event_id from marts.fct_reversals as reversals"
        " join marts.fct_events as events on events.event_id = reversals.original_event_id"
        " semi join marts.feedback_user_item as pairs"
        " on pairs.user_id = events.actor_id and pairs.item_id = events.item_id"
        " where original_type = 'save' order by all",
    )
    reasons = {entry["id"]: entry["reason"] for entry in explain_pair(home, user, item).uncounted}
    assert reasons[save].startswith("taken back by ")
    user, item, shown = row_of(
        con,
        "select actor_id, impressions.item_id, request_id || '|' || impressions.item_id"
        " from marts.fct_impressions as impressions semi join marts.feedback_user_item as pairs"
        " on pairs.user_id = actor_id and pairs.item_id = impressions.item_id"
        " where feedback_state = 'unexamined' order by all",
    )
    reasons = {entry["id"]: entry["reason"] for entry in explain_pair(home, user, item).uncounted}
    assert reasons[shown].startswith("unexamined")


def row_of(con: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    row = con.execute(query).fetchone()
    assert row is not None, "the world no longer holds this: look for another seed"
    return row


def test_every_absence_has_its_own_words_and_code(home: Settings, con: duckdb.DuckDBPyConnection) -> None:
    user, item = row_of(con, "select user_id, item_id from marts.feedback_user_item order by all")
    bot = row_of(con, "select actor_id from intermediate.int_bot_actors order by 1")[0]
    unseen = row_of(
        con,
        "select actor_id, item_id from marts.fct_impressions where not is_bot group by all"
        " having bool_and(feedback_state = 'unexamined') and (actor_id, item_id) not in"
        " (select (actor_id, item_id) from marts.fct_events where item_id is not null) order by all",
    )
    never = row_of(
        con,
        "with known as (select distinct actor_id as user_id from marts.fct_events where not is_bot),"
        " pairs as (select user_id, item_id from known cross join marts.dim_items),"
        " met as (select actor_id, item_id from marts.fct_impressions union select actor_id, item_id from marts.fct_events)"
        " select user_id, pairs.item_id from pairs"
        " anti join met on met.actor_id = pairs.user_id and met.item_id = pairs.item_id"
        " anti join intermediate.int_bot_actors as bots on bots.actor_id = pairs.user_id order by all",
    )
    visitor, person = row_of(
        con, "select 'anon:' || anonymous_id, user_id from intermediate.int_identities order by all"
    )
    cases: list[tuple[tuple[str, str], type[RevealedError], str]] = [
        (("nobody", item), MissingInputError, "nobody is known as nobody"),
        ((user, "nothing"), MissingInputError, "no item is known as nothing"),
        ((visitor, item), MissingInputError, f"is known as the person {person}"),
        ((bot, item), NoDataError, "left out as a bot"),
        ((unseen[0], unseen[1]), NoDataError, "unseen is no dislike"),
        ((never[0], never[1]), NoDataError, "was never shown to"),
    ]
    for pair, error, words in cases:
        with pytest.raises(error, match=words):
            explain_pair(home, *pair)


def test_the_command_tells_the_same_in_words(
    home: Settings, con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, item, confidence = row_of(
        con,
        "select user_id, item_id, confidence from marts.feedback_user_item"
        " where anchor < 0 and positive_evidence > 0 and skip_evidence > 0 order by events desc, 1, 2",
    )
    monkeypatch.setenv("REVEALED_HOME", str(home.home))
    told = CliRunner().invoke(app, ["why", user, item], catch_exceptions=False).stdout
    assert f"confidence {confidence:+.4f}" in told
    for word in ("for: weight", "against: weight", "P = ", "N = ", "anchor -", "not counted"):
        assert word in told
    as_json = json.loads(
        CliRunner().invoke(app, ["why", user, item, "--json"], catch_exceptions=False).stdout
    )
    assert as_json["confidence"] == pytest.approx(confidence, rel=1e-6)


def test_popularity_debiasing_moves_confidence_away_from_the_most_liked(
    con: duckdb.DuckDBPyConnection,
) -> None:
    rows = con.execute("select * from marts.rpt_debiasing_effect order by popularity_decile").fetchnumpy()
    assert len(rows["items"]) == 10
    assert rows["plain_share"].sum() == pytest.approx(1)
    assert rows["debiased_share"].sum() == pytest.approx(1)
    assert rows["share_moved"][-1] < 0 < rows["share_moved"][0]
    # 1 / theta scaled to 1 over all likes.
    assert (rows["likes"] @ rows["popularity_factor"]) / rows["likes"].sum() == pytest.approx(1, abs=0.05)


@pytest.fixture(scope="module")
def kuairand(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Everybody who hated something, and one in fifty others."""
    if not KUAIRAND.is_dir():
        pytest.skip("the real data is not here: ../shared/data/kuairand")
    source, settings = tmp_path_factory.mktemp("kuairand"), settings_at(tmp_path_factory.mktemp("home"))
    con = duckdb.connect()
    con.execute(
        f"create table people as select user_id from '{KUAIRAND}/impressions_20220425_20220508.parquet'"
        " group by 1 having sum(is_hate) > 0 or user_id % 50 = 0"
    )
    for file in ("impressions_20220425_20220508", "history_before_20220425", "users"):
        con.execute(
            f"copy (from '{KUAIRAND}/{file}.parquet' semi join people using (user_id)) to '{source}/{file}.parquet'"
        )
    con.execute(f"copy (from '{KUAIRAND}/videos.parquet') to '{source}/videos.parquet'")
    con.close()
    ingest_path(settings, source, "kuairand")
    put_into_service(settings, build(settings, datetime(2022, 5, 9, tzinfo=UTC)))
    return settings


@pytest.mark.slow
def test_a_hated_a_short_and_a_long_viewed_video_of_one_person(kuairand: Settings) -> None:
    """On real behaviour: clearly negative, weak, clearly positive, for the same person."""
    con = open_published(kuairand)
    hated, short, long_viewed = _three_videos(con)
    con.close()
    found = [explain_pair(kuairand, *pair) for pair in (hated, short, long_viewed)]
    confidences = [explanation.confidence for explanation in found]
    assert confidences[0] < -50
    assert 0 < confidences[1] < confidences[2] / 5
    assert confidences[2] > 15
    assert any(piece["event_type"] == "not_interested" for piece in found[0].pieces)


def _three_videos(con: duckdb.DuckDBPyConnection) -> tuple[tuple[str, str], ...]:
    """One person's hated video, one watched for a few seconds, and one watched long: each shown once."""
    row = con.execute(
        f"""
        with once as (
            select cast(user_id as varchar) as user_id, cast(video_id as varchar) as video_id,
                max(is_hate) as hate, max(long_view) as long_view, max(play_time_ms) as ms, max(is_click) as click,
                max(is_like) as liked
            from '{KUAIRAND}/impressions_20220425_20220508.parquet' group by all having count(*) = 1
        )
        select hated.user_id, min(hated.video_id), min(short.video_id), arg_max(long.video_id, (long.ms, long.video_id))
        from once as hated
        join once as short on hated.user_id = short.user_id
        join once as long on hated.user_id = long.user_id
        where hated.hate = 1 and hated.long_view = 0
            and short.ms between 3000 and 9000 and short.long_view = 0 and short.hate = 0 and short.liked = 0
            and short.click = 0
            and long.long_view = 1 and long.hate = 0 and long.ms > 60000 and long.liked = 0
        group by 1 order by cast(hated.user_id as integer)"""
    ).fetchone()
    assert row is not None
    return tuple((row[0], video) for video in row[1:])
