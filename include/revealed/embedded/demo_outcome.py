"""Before and after: what people made of what the files' systems showed them, and of each generation that the gateway served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import duckdb

from revealed.embedded.text_table import table

_DAYS_BEFORE = 7
# What our gateway served names a generation of six digits; the text engine's lists come through the gateway, too.
# A visit that began before midnight goes on after it: the day's generation is the one that most lists came from.
_SERVED = """served as (
    select impression_date as day, mode(snapshot_id) as generation
    from marts.fct_impressions
    where occurred_at >= $since and regexp_full_match(snapshot_id, '[0-9]{6}')
    group by impression_date
),"""
_BY_SESSION = f"""with {_SERVED}
sessions as (
    select coalesce('generation ' || generation, 'files') as shown_by, items, is_single_article
    from marts.fct_sessions
    left join served on session_date = day
    where not is_bot and session_date >= $before and items > 0
),
satisfied as (
    select coalesce('generation ' || generation, 'files') as shown_by, count(*) as clicks
    from marts.fct_impressions
    left join served on impression_date = day
    where not is_bot and impression_date >= $before and is_satisfied
    group by all
)
select shown_by, count(*) as sessions, any_value(clicks) / count(*) as satisfied_a_session,
    avg(items) as articles_a_session, avg(is_single_article::int) as single_article
from sessions left join satisfied using (shown_by)
group by shown_by
order by shown_by"""
_BY_LIST = f"""with {_SERVED}
lists as (
    select coalesce('generation ' || generation, 'files') as shown_by, any_value(policy) as policy,
        count(*) filter (where is_clicked) as clicks, count(*) filter (where is_satisfied) as satisfied
    from marts.fct_impressions
    left join served on impression_date = day
    where not is_bot and surface = 'home_feed' and impression_date >= $before
    group by request_id, generation
)
select shown_by, policy, count(*) as lists, avg(clicks) as clicks_a_list, avg(satisfied) as satisfied_a_list,
    1.96 * stddev_samp(satisfied) / sqrt(count(*)) as plus_minus
from lists
group by shown_by, policy
order by shown_by, policy"""
_LOGGED = """select count(distinct request_id), count(*), count(propensity)
from marts.fct_impressions
where occurred_at >= $since and regexp_full_match(snapshot_id, '[0-9]{6}')"""


def before_and_after(connection: duckdb.DuckDBPyConnection, live_since: datetime) -> str:
    """Return both tables as text: by session, and by home feed with its policy.

    Args:
        connection: a published warehouse.
        live_since: when people began to come to the gateway.
    """
    moments = {
        "since": live_since.replace(tzinfo=None),
        "before": (live_since - timedelta(_DAYS_BEFORE)).date(),
    }
    sessions = _table(connection, _BY_SESSION, moments)
    lists = _table(connection, _BY_LIST, moments)
    return (
        f"sessions in which something was opened; files: the {_DAYS_BEFORE} days before\n{sessions}\n\n"
        "home feeds, with the 95% interval's half width of satisfied clicks a list; the files' model was drawn from\n"
        f"the truth itself, `uniform` is what no knowledge earns\n{lists}\n"
        "two visits of a few days: read the intervals; what exploration is worth over many generations is another\n"
        "command's answer (revealed bench loop)"
    )


def what_the_gateway_logged(
    connection: duckdb.DuckDBPyConnection, live_since: datetime, lived: Sequence[Mapping[str, Any]]
) -> str:
    """Return, as text, whether what the people were shown is what the warehouse knows, and what they sent.

    Args:
        connection: a published warehouse.
        live_since: when people began to come to the gateway.
        lived: what each day came to by the people's own account.
    """
    row = connection.execute(_LOGGED, {"since": live_since.replace(tzinfo=None)}).fetchone() or (0, 0, 0)
    requests, shown, known = (int(count) for count in row)
    told = {
        name: sum(int(day.get(name, 0)) for day in lived)
        for name in ("requests", "lines", "repeated", "unkept", "retried")
    }
    received = told["lines"] - told["repeated"] - told["unkept"] + told["requests"]
    return (
        f"people were answered {told['requests']:,} times; the warehouse knows {requests:,} of these lists with {shown:,} "
        f"places, {known:,} of them with the probability at which they were drawn\n"
        f"people sent {told['lines']:,} lines; less {told['repeated']:,} sent again under the same key and {told['unkept']:,} "
        f"too long to keep, with the {told['requests']:,} lists: {received:,} lines to receive\n"
        f"told to come later {told['retried']:,} times"
    )


def _table(connection: duckdb.DuckDBPyConnection, query: str, moments: Mapping[str, Any]) -> str:
    wanted = {name: value for name, value in moments.items() if f"${name}" in query}
    result = connection.execute(query, wanted)
    header = [column[0].replace("_", " ") for column in result.description or []]
    return table(header, result.fetchall())
