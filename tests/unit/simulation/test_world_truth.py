"""What the logs of a demo world say is what was planted: examination, propensities, identities, values, tastes."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import numpy as np
import pytest
from implicit.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from revealed.contracts import EVENT_TYPES
from revealed.landing import ingest_landing
from revealed.settings import Settings


@pytest.fixture(scope="module")
def world(medium_home: Path, tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """Landed logs (deduplicated) as `events` and `inferences`, and the truth as `true_*`."""
    home = tmp_path_factory.mktemp("landed-medium")
    shutil.copytree(medium_home / "landing", home / "landing")
    ingest_landing(Settings.from_env({"REVEALED_HOME": str(home)}))
    con = duckdb.connect()
    for log, key in (
        ("events", "event_id"),
        ("inferences", "request_id"),
        ("items", "(item_id, updated_at)"),
    ):
        con.execute(f"""
            create table {log} as select distinct on ({key}) * exclude (source_file, source_line)
            from '{home}/raw/{log}/*/*.parquet' order by {key}, received_at
        """)
    for truth in (medium_home / "simulation" / "truth").glob("*.parquet"):
        con.execute(f"create view true_{truth.stem} as select * from '{truth}'")
    con.execute("""
        create view shown as
        select i.request_id, i.surface, i.policy, unnest(i.items, recursive := true) from inferences as i
    """)
    return con


def test_clicks_by_position_over_relevance_are_the_planted_examination(
    world: duckdb.DuckDBPyConnection,
) -> None:
    rows = world.sql("""
        select theta, sum(i.is_clicked::int) as clicks, sum(theta * relevance) as expected,
            sum(theta * relevance * (1 - theta * relevance)) as variance
        from true_impressions as i join true_requests as r using (request_id)
        join true_examination as e on e.surface = r.surface and e.position = i.position
        where not r.is_bot group by r.surface, i.position, theta
    """).fetchall()
    z = np.array([(clicks - expected) / np.sqrt(variance) for _, clicks, expected, variance in rows])
    assert len(rows) == 26
    assert np.abs(z).max() < 3.7
    assert (z**2).sum() < 54.1  # chi-square, 26 degrees of freedom, 99.9 %
    shares = {round(theta, 3): clicks / (expected / theta) for theta, clicks, expected, _ in rows}
    assert all(abs(share / theta - 1) < 0.5 for theta, share in shares.items())


def test_the_ips_estimate_of_the_uniform_policy_is_its_true_value(world: duckdb.DuckDBPyConnection) -> None:
    """Epsilon-greedy shows everything with a known probability, so its log tells what uniform would have earned."""
    weighted, naive, truth = (
        world.sql("""
        select sum(i.is_clicked::int / (r.eligible * s.propensity)), sum(i.is_clicked::int), any_value(uniform_value)
        from true_requests as r join true_impressions as i using (request_id)
        join shown as s on s.request_id = i.request_id and s.item_id = i.item_id
        where r.policy = 'epsilon_greedy' and r.surface = 'home_feed' and not r.is_bot group by r.request_id
    """)
        .fetchnumpy()
        .values()
    )
    error = np.std(weighted - truth) / np.sqrt(len(truth))
    assert abs(np.mean(weighted - truth)) < 3 * error
    assert np.mean(naive - truth) > 10 * np.std(naive - truth) / np.sqrt(len(truth))


def test_the_uniform_log_earns_the_uniform_value(world: duckdb.DuckDBPyConnection) -> None:
    clicks, truth = (
        world.sql("""
        select sum(i.is_clicked::int), any_value(uniform_value)
        from true_requests as r join true_impressions as i using (request_id)
        where r.policy = 'uniform' group by r.request_id
    """)
        .fetchnumpy()
        .values()
    )
    assert abs(np.mean(clicks - truth)) < 3 * np.std(clicks - truth) / np.sqrt(len(truth))


def test_propensities_sum_to_one_at_every_position_over_what_could_be_shown(
    world: duckdb.DuckDBPyConnection,
) -> None:
    worst = world.sql("""
        select max(abs(total - 1)), count(*) from (
            select sum(propensity) as total from true_propensities group by request_id, position)
    """).fetchone()
    assert worst is not None
    assert worst[0] < 1e-11
    assert worst[1] > 200
    logged = world.sql("""
        select max(abs(s.propensity - t.propensity)), count(*) from shown as s
        join true_propensities as t using (request_id, item_id, position)
    """).fetchone()
    assert logged is not None
    assert logged[0] < 1e-15
    assert logged[1] > 200


def test_only_the_text_search_logs_no_propensity(world: duckdb.DuckDBPyConnection) -> None:
    rows = world.sql("select policy, count(propensity), count(*) from shown group by policy").fetchall()
    assert {policy: known == total for policy, known, total in rows} == {
        "uniform": True, "epsilon_greedy": True, "plackett_luce": True, "bm25": False,
    }  # fmt: skip
    assert next(known for policy, known, _ in rows if policy == "bm25") == 0


def test_nobody_is_shown_what_is_not_published_or_withdrawn(world: duckdb.DuckDBPyConnection) -> None:
    early = world.sql("""
        select count(*) from inferences as r, unnest(r.items) as u(s)
        join (select item_id, min(published_at) as published_at,
            min(updated_at) filter (where not is_available) as withdrawn_at from items group by 1) as i
        on i.item_id = u.s.item_id
        where r.occurred_at < i.published_at or r.occurred_at >= i.withdrawn_at
    """).fetchone()
    assert early == (0,)


def test_nobody_is_recommended_what_they_clicked_on_an_earlier_day(world: duckdb.DuckDBPyConnection) -> None:
    """Search does return what is known; bots are served like everybody but remember nothing."""
    world.sql("""
        create temp view days as select i.*, r.person, r.surface, q.occurred_at::date as day
        from true_impressions as i join true_requests as r using (request_id) join inferences as q using (request_id)
        where not r.is_bot
    """)
    again = world.sql("""
        select shown.surface = 'search', count(*) from days as shown join days as known
        on known.is_clicked and known.person = shown.person and known.item_id = shown.item_id and known.day < shown.day
        group by 1
    """).fetchall()
    assert [surface for surface, count in again if count] == [True]


def test_every_event_that_names_a_request_is_about_an_item_in_it_and_after_it(
    world: duckdb.DuckDBPyConnection,
) -> None:
    strays = world.sql("""
        select count(*) filter (where s.item_id is null), count(*) filter (where e.occurred_at < s.occurred_at), count(*)
        from events as e join true_events as t using (event_id)
        left join (
            select r.request_id, r.occurred_at, u.s.item_id, u.s.position from inferences as r, unnest(r.items) as u(s)
        ) as s on s.request_id = e.request_id and s.item_id = e.item_id and s.position = e.position
        where e.request_id in (select request_id from inferences)
    """).fetchone()
    assert strays is not None
    assert strays[:2] == (0, 0)
    assert strays[2] > 5_000


def test_reversals_follow_what_they_reverse_and_take_back_no_more_than_was_paid(
    world: duckdb.DuckDBPyConnection,
) -> None:
    rows = world.sql("""
        select r.event_type, r.occurred_at > p.occurred_at, r.value <= p.value, r.quantity <= p.quantity,
            r.item_id = p.item_id
        from events as r join events as p
        on p.event_type = 'purchase' and (p.event_id = r.reverses_event_id or p.order_id = r.order_id)
        where r.event_type in ('return', 'cancel')
    """).fetchall()
    assert {row[0] for row in rows} == {"return", "cancel"}
    assert all(all(row[1:]) for row in rows)


def test_every_type_of_the_contract_occurs(world: duckdb.DuckDBPyConnection) -> None:
    found = {row[0] for row in world.sql("select distinct event_type from events").fetchall()}
    assert found == EVENT_TYPES


def test_late_lines_are_as_many_as_the_truth_says(world: duckdb.DuckDBPyConnection) -> None:
    late = "select count(*) from events where received_at - occurred_at >= interval 1 day"
    assert (
        world.sql(late).fetchone() == world.sql("select lines from true_dirty where kind = 'late'").fetchone()
    )


def test_clickbait_is_clicked_more_and_read_for_seconds(world: duckdb.DuckDBPyConnection) -> None:
    dwell = dict(
        world.sql("""
        select i.is_clickbait, median(e.dwell_ms) / 1000 from events as e join true_items as i using (item_id)
        join true_events as t using (event_id) where e.event_type = 'view' and not t.is_bot group by 1
    """).fetchall()
    )
    rate = dict(
        world.sql("""
        select t.is_clickbait, avg(i.relevance) from true_impressions as i join true_items as t using (item_id)
        join true_requests as r using (request_id) where r.policy = 'uniform' group by 1
    """).fetchall()
    )
    assert dwell[True] < 10 < 30 < dwell[False]
    assert rate[True] > 1.5 * rate[False]


def test_visitors_who_identify_themselves_are_one_person_in_the_truth(
    world: duckdb.DuckDBPyConnection,
) -> None:
    rows = world.sql("""
        select e.anonymous_id = u.anonymous_id, e.user_id = u.user_id,
            exists (select 1 from events as b where b.anonymous_id = e.anonymous_id and b.user_id is null)
        from events as e join true_events as t using (event_id) join true_users as u using (person)
        where e.event_type = 'identify'
    """).fetchall()
    assert len(rows) > 10
    assert all(row[0] and row[1] for row in rows)
    assert any(row[2] for row in rows)


def test_sessions_pause_for_less_than_the_limit_and_some_cross_midnight(
    world: duckdb.DuckDBPyConnection,
) -> None:
    crossing, longest = world.sql("""
        select count(distinct session_id) filter (where occurred_at::date > previous::date),
            max(occurred_at - previous)
        from (select *, lag(occurred_at) over (partition by session_id order by occurred_at) as previous from events
            where session_id is not null and surface is distinct from 'email')
    """).fetchall()[0]
    assert crossing > 0
    assert longest.total_seconds() < 30 * 60


def test_bots_can_be_told_by_agent_or_by_never_reading(world: duckdb.DuckDBPyConnection) -> None:
    rows = world.sql("""
        select t.person, bool_or(regexp_matches(e.user_agent, 'bot|requests|curl', 'i')), coalesce(max(e.dwell_ms), 0)
        from events as e join true_events as t using (event_id) where t.is_bot group by 1
    """).fetchall()
    assert len(rows) == 5
    assert sum(named for _, named, _ in rows) == 4
    assert all(dwell == 0 for _, _, dwell in rows)
    humans = world.sql("""
        select count(*) from events as e join true_events as t using (event_id)
        where not t.is_bot and regexp_matches(e.user_agent, 'bot|requests|curl', 'i')
    """).fetchone()
    assert humans == (0,)


def test_collaborative_filtering_finds_the_tastes_that_popularity_cannot(
    world: duckdb.DuckDBPyConnection,
) -> None:
    """Trained on the clicks of the first days, ranked on first clicks of the last four, nothing shown twice."""
    user, item, late = (
        world.sql("""
        select r.person, cast(substr(i.item_id, 6) as int), q.occurred_at >= timestamp '2026-01-09'
        from true_impressions as i join true_requests as r using (request_id)
        join inferences as q using (request_id) where i.is_clicked and not r.is_bot
    """)
        .fetchnumpy()
        .values()
    )
    train = csr_matrix((np.ones(np.sum(~late)), (user[~late], item[~late])), shape=(405, 200))
    train.data[:] = 1.0
    seen = train.toarray() > 0
    relevant = np.zeros_like(seen)
    relevant[user[late], item[late]] = True
    relevant &= ~seen
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=8,
            regularization=1.0,
            alpha=10.0,
            iterations=10,
            random_state=0,
            num_threads=1,
            use_gpu=False,
        )
        model.fit(train, show_progress=False)
    als = ndcg_at_10(model.user_factors @ model.item_factors.T, seen, relevant)
    popular = ndcg_at_10(np.tile(seen.sum(axis=0), (405, 1)).astype(float), seen, relevant)
    assert als > 2.5 * popular


def ndcg_at_10(scores: np.ndarray, seen: np.ndarray, relevant: np.ndarray) -> float:
    users = np.flatnonzero(relevant.any(axis=1) & seen.any(axis=1))
    top = np.argsort(-np.where(seen, -np.inf, scores), axis=1)[:, :10]
    discount = 1.0 / np.log2(np.arange(2, 12))
    gains = [(relevant[u, top[u]] * discount).sum() / discount[: relevant[u].sum()].sum() for u in users]
    return float(np.mean(gains))
