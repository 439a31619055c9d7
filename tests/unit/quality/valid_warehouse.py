"""A small warehouse that breaks no rule: every mart's columns, for tests to break one thing at a time.

Three people and one bot, four requests of three items, one click with a purchase and a return, one skip.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb

AS_OF = datetime(2026, 3, 3, tzinfo=UTC)

_MARTS = """
create schema marts; create schema intermediate; create schema policy; create schema ops;

create table ops.build_plan as select timestamp '2026-03-03' as as_of, null::date as window_start;

create table policy.signal_policy as select 'click' as event_type, 24 as maturity_window_hours, true as is_engagement;

create table marts.dim_items as
select 'i' || i as item_id, 'Title ' || i as title, 'news' as topic, 'text' as format, 'plain' as framing,
    'ann' as author,
    timestamp '2026-01-01' as published_at, 5.0::double as price, 30.0::double as expected_dwell_s,
    true as is_available, timestamp '2026-01-01' as updated_at
from range(1, 7) as r(i);

create table marts.fct_impressions as
select 'r' || r as request_id, 'i' || (p + r % 2) as item_id, p::integer as position, date '2026-03-01' +
    (r % 2)::integer as impression_date,
    timestamp '2026-03-01 10:00:00' + to_days((r % 2)::integer) as occurred_at, 'u' || r as actor_id, 'u'
    || r as user_id,
    null::varchar as anonymous_id, 's' || r as session_id, 'home' as surface, 'als' as model_name, '3' as
    model_version,
    'softmax' as policy, null::varchar as snapshot_id, null::varchar as experiment_id, null::varchar as
    variant,
    0.5::double as score, case when r = 2 then null else 0.25 end::double as propensity,
    p = 1 as is_clicked, r = 1 and p = 1 as is_satisfied, r = 2 and p = 1 as is_clickbait, p = 2 as
    is_skipped, false as is_hidden,
    false as is_saved, false as is_shared, false as is_added_to_cart, r = 1 and p = 1 as is_purchased,
    (p = 1)::bigint as clicks, case when p = 1 then 1000 end::bigint as dwell_ms, case when p = 1 then 0.5
    end::double as scroll_depth,
    case when r = 1 and p = 1 then 10 else 0 end::double as gross_value,
    case when r = 1 and p = 1 then 4 else 0 end::double as returned_value,
    case when r = 1 and p = 1 then 6 else 0 end::double as net_value,
    case p when 1 then 'engaged' when 2 then 'skipped' else 'unexamined' end as feedback_state,
    r = 4 as is_bot, timestamp '2026-03-03' as as_of, true as is_mature, true as is_click_mature, false as
    is_purchase_mature,
    'logged' as exposure_source, false as is_bounce, true as is_cart_mature, true as is_save_mature,
    true as is_share_mature, true as is_hide_mature
from range(1, 5) as a(r), range(1, 4) as b(p);

create table intermediate.int_impressions as select request_id, item_id, impression_date from marts.fct_impressions;

create table marts.fct_impression_outcomes as
select request_id, item_id, impression_date, clicks, 0::bigint as heartbeats, is_clicked as is_opened, is_saved, is_shared,
    is_added_to_cart, is_purchased, is_skipped, is_hidden, gross_value, returned_value, false as is_reported_seen,
    occurred_at as first_seen_at
from marts.fct_impressions where position < 3;

create table marts.fct_events as
select 'e' || row_number() over (order by request_id) as event_id, 'click' as event_type, impression_date
    as event_date,
    occurred_at + interval 5 second as occurred_at, occurred_at + interval 6 second as received_at,
    actor_id, user_id, anonymous_id,
    'k' || request_id as session_key, item_id, request_id, position, surface, 1000::bigint as dwell_ms,
    0.5::double as scroll_depth,
    null::double as value, null::varchar as currency, null::bigint as quantity, null::varchar as order_id,
    null::varchar as reverses_event_id, null::double as rating, null::varchar as query, 'positive' as
    polarity, is_bot,
    'request_id' as match_type, request_id as matched_request_id, item_id as matched_item_id, position as
    matched_position, model_name, model_version, policy,
    5.0::double as match_lag_s, actor_id as logged_actor_id, false as is_historical,
    'f1' as source_file, row_number() over (order by request_id) as
    source_line, '1' as policy_version
from marts.fct_impressions where is_clicked
union all by name
select 'e5' as event_id, 'search' as event_type, date '2026-03-02' as event_date, timestamp '2026-03-02
    12:00:00' as occurred_at,
    timestamp '2026-03-02 12:00:01' as received_at, 'anon:a9' as actor_id, 'a9' as anonymous_id, 'k5' as
    session_key,
    'neutral' as polarity, false as is_bot,
    'anon:a9' as logged_actor_id, false as is_historical, 'none' as match_type, 'f1' as source_file, 5 as source_line,
    '1' as policy_version;

create table marts.fct_sessions as
select session_key, any_value(actor_id) as actor_id, null::varchar as session_id, min(event_date) as
    session_date,
    min(occurred_at) as started_at, max(occurred_at) as ended_at, 0.0::double as length_s, count(*) as
    events,
    count(distinct item_id) as items, true as is_single_article, any_value(surface) as entry_surface,
    any_value(is_bot) as is_bot, false as is_bounced
from marts.fct_events group by session_key;

create table marts.feedback_user_item as
select actor_id as user_id, item_id, is_clicked::integer as preference, case when is_clicked then 3 else
    -1.5 end::double as confidence,
    is_clicked::double as positive_evidence, is_skipped::double as negative_evidence, 1::bigint as events,
    1::bigint as impressions,
    is_skipped::bigint as skipped_impressions, dwell_ms, 1.0::double as signal_weight, 0.9::double as
    recency_factor,
    1.0::double as dwell_factor, is_clicked as is_consumed, is_hidden, occurred_at as first_event_at,
    occurred_at as last_event_at,
    '1' as policy_version, as_of
from marts.fct_impressions where not is_bot and position < 3;

create table marts.feedback_fold_train as select * from marts.feedback_user_item where user_id = 'u1';

create table marts.feedback_fold_test as
select user_id, item_id, positive_evidence, first_event_at from marts.feedback_user_item where user_id =
    'u2' and preference = 1;

create table marts.rpt_model_daily as
select impression_date as report_date, surface, model_name, model_version, policy, count(distinct
    request_id) as requests,
    count(*) as impressions, count(*) filter (is_clicked) as clicks, avg(is_clicked::integer) as click_rate,
    count(*) filter (is_satisfied) as satisfied, avg(is_satisfied::integer) as satisfied_rate,
    count(*) filter (is_purchased) as purchases, sum(net_value) as net_value, count(*) filter (is_mature)
    as mature_impressions
from marts.fct_impressions where not is_bot group by all;

create table marts.fct_attribution as
select event_id as outcome_event_id, event_type as outcome_type, m.method, matched_request_id as request_id,
    matched_item_id as item_id,
    matched_position as position, model_version, 'request_id' as match_type, 1.0::double as credit,
    1.0::double as net_value,
    1.0::double as credit_share, event_date, occurred_at as outcome_at, occurred_at - interval 5 second as touched_at
from marts.fct_events, (values ('last'), ('first'), ('linear'), ('time_decay'), ('position_based'), ('markov'),
    ('shapley')) as m(method)
where match_type <> 'none';

create table marts.fct_reversals as
select 'x' || r as reversal_event_id, 'return' as reversal_type, case when r < 3 then 'e1' end as original_event_id,
    case when r < 3 then 'order_id' else 'none' end as evidence,
    case when r < 3 then 0.5 else 0 end::double as reversed_share,
    timestamp '2026-03-02 12:00:00' as occurred_at, timestamp '2026-03-02 12:00:01' as received_at, 'u1' as actor_id,
    1.0::double as reversed_quantity, 0.0::double as reversed_value, 1.0::double as share_of_reversal,
    '1' as policy_version,
    case when r < 3 then timestamp '2026-03-02 10:00:05' end as original_occurred_at
from range(1, 4) as t(r);

create table marts.rpt_position_bias as
select v.*, 3::bigint as clicks, 9::bigint as impressions, date '2026-02-01' as window_start, date '2026-03-02' as
    window_end, timestamp '2026-03-03' as as_of
from (values
    ('home', 1, 1.0::double, 1.0::double, 1.0::double, 'hajek', null::varchar),
    ('home', 2, 0.6, 0.5, 0.7, 'hajek', null),
    ('feed', 1, null, null, null, 'refused', 'a single position')
) as v(surface, position, examination, ci_low, ci_high, method, reason);

create table marts.rpt_outcome_rates as
select v.*, 'als' as model_name, 'softmax' as policy, exposures as mature_exposures, outcomes as aged_outcomes,
    exposures::double as effective_exposures, 1.0::double as share_known, 24 as maturity_window_hours,
    '1' as policy_version, timestamp '2026-03-03' as as_of
from (values
    ('click', 'home', '3', date '2026-03-01', 6::bigint, 2::bigint, 0.0::double, 0.3::double, 0.33::double, 'mature',
    null::varchar),
    ('purchase', 'home', '3', date '2026-03-01', 6, 1, 1.0, 0.1, 0.2, 'corrected', null),
    ('save', 'home', '3', date '2026-03-01', 6, 0, 1.0, 0.0, null, 'refused', 'too few outcomes')
) as v(outcome_type, surface, model_version, impression_date, exposures, outcomes, immature_share, naive_rate,
    corrected_rate, method, reason);

create table marts.feedback_pairs as
select 'p' || r as pair_id, 'r' || r as request_id, 'u' || r as user_id, 'i1' as chosen_item_id,
    'i2' as rejected_item_id, 1.0::double as weight, 'home' as surface, '3' as model_version, 'softmax' as policy,
    timestamp '2026-03-01 10:00:00' as occurred_at, 1 as chosen_position, 2 as rejected_position,
    'engaged_over_skipped' as source, '1' as policy_version, timestamp '2026-03-03' as as_of
from range(1, 4) as t(r);

create table marts.rpt_exposure_bias as
select surface, 6::bigint as catalogue_items, 4::bigint as exposed_items, 2::bigint as engaged_items,
    12::bigint as impressions, 3::bigint as engagements, 0.66::double as exposure_coverage,
    0.33::double as engagement_coverage, 0.4::double as exposure_gini, timestamp '2026-03-03' as as_of
from (values ('home'), ('feed'), ('search')) as v(surface);

create table marts.rpt_popularity_bias as
select 'home' as surface, decile::integer as popularity_decile, 1::bigint as items, 9::bigint as impressions,
    3::bigint as engagements, timestamp '2026-03-03' as as_of
from range(1, 4) as t(decile);

create table marts.rpt_topic_exposure as
select 'home' as surface, topic, 6::bigint as items, 4::bigint as exposed_items, 12::bigint as impressions,
    3::bigint as engagements, 1.0::double as catalogue_share, timestamp '2026-03-03' as as_of
from (values ('news'), ('sport'), ('arts')) as v(topic);

create table marts.rpt_debiasing_effect as
select decile::integer as popularity_decile from range(1, 4) as t(decile);

create table marts.rpt_label_maturity as
select 'click' as outcome_type, period::integer as delay_periods, 1::integer as period_hours,
    period::integer as known_within_hours, 9::bigint as exposures_at_risk, 1::bigint as outcomes_at_delay,
    period::bigint as outcomes_by_delay, 0.1::double as hazard, 0.5::double as share_known,
    0.1::double as share_standard_error, 24 as maturity_window_hours, true as is_within_window, '1' as policy_version,
    timestamp '2026-03-03' as as_of
from range(1, 4) as t(period);

create table marts.dim_users as select 'u' || i as user_id from range(1, 4) as t(i);

create table ops.ledger as
select * from (values
    ('f1', 'events.jsonl', 'events', 8::bigint, 5::bigint, 1::bigint, 2::bigint, 0::bigint,
    timestamp '2026-03-02 13:00:00'),
    ('f2', 'inferences.jsonl', 'inferences', 5::bigint, 4::bigint, 0::bigint, 0::bigint, 1::bigint,
    timestamp '2026-03-02 13:00:00')
) as v(sha256, name, log, received, accepted, duplicate, quarantined, erased, landed_at);
"""


def build_valid_warehouse(path: Path, *breakages: str) -> Path:
    """Write the warehouse to `path`, then run `breakages` (SQL) on it; return `path`."""
    with duckdb.connect(str(path)) as con:
        con.execute(_MARTS)
        for breakage in breakages:
            con.execute(breakage)
    return path
