"""The generated logs as SQL: every value is a function of (seed, number), so that no join and no memory is needed.

Shape, after what real logs look like: users and items by a power law; one request in seven from somebody not logged in;
a third of the events without the request's id, purchases mostly; 95 % of the lines within five minutes, 4 % within
a day, 1 % up to a week late; 1 % sent twice; a few per cent of purchases, saves and cart additions taken back; some bots.
"""

from __future__ import annotations

from datetime import datetime

from revealed.benchmarks.scale.sizes import BenchSize
from revealed.warehouse.raw_columns import RAW_COLUMNS

# `u` is uniform in [0, 1). Hashed twice: DuckDB's hash of (key, salt) correlates across salts.
_MACROS = """
create or replace temp macro u(key, salt) as
    cast(hash(hash(key + {seed} * 1000003::bigint, salt)) >> 11 as double) / 9007199254740992.0;
create or replace temp macro id_of(kind, key) as md5(kind || {seed} || '-' || key);
create or replace temp macro user_of(r) as cast(floor({users} * pow(u(r, 2), 2)) as bigint);
create or replace temp macro logged_in(r) as u(r, 3) >= 0.15;
create or replace temp macro slate_length(r) as cast(4 + floor(13 * u(r, 7)) as bigint);
create or replace temp macro surface_of(r) as
    case when u(r, 5) < 0.5 then 'home' when u(r, 5) < 0.8 then 'search' else 'article' end;
-- One shown item in six is one of twenty that this user sees again and again: what makes last touch more than trivial.
create or replace temp macro item_of(r, p) as case
    when u(r * 32 + p, 8) < 0.16
        then cast(floor({items} * pow(u(user_of(r) * 32 + cast(floor(20 * u(r * 32 + p, 9)) as bigint), 10), 2)) as bigint)
    else cast(floor({items} * pow(u(r * 32 + p, 11), 2)) as bigint)
end;
create or replace temp macro requested_ms(r) as {start_ms} + cast(floor((r + u(r, 12)) * {request_ms}) as bigint);
create or replace temp macro lateness_ms(key) as cast(case
    when u(key, 13) < 0.95 then 200 - 8000 * ln(1 - u(key, 14))
    when u(key, 13) < 0.99 then 300000 + 86000000 * u(key, 14)
    else 86400000 + 518400000 * u(key, 14)
end as bigint);
create or replace temp macro moment(ms) as make_timestamp(1000 * ms);
"""

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - as stored: without a zone, UTC
_TYPES = (
    (0.46, "click"), (0.66, "view"), (0.76, "heartbeat"), (0.78, "scroll"), (0.83, "impression"),
    (0.89, "add_to_cart"), (0.93, "purchase"), (0.95, "save"), (0.965, "hide"), (0.98, "rating"),
    (0.99, "share"), (1.0, "search"),
)  # fmt: skip

# One row a sent line: its event's number `e`, the request `r` and position `p` that caused it, and when.
_LINES = """
create or replace table event_lines as
with numbered as (
    select e, cast(floor({requests} * u(e, 20)) as bigint) as r, u(e, 22) as kind
    from range({events}) as numbers (e)
),
caused as (
    select
        e, r, 1 + cast(floor(slate_length(r) * pow(u(e, 21), 2)) as bigint) as p,
        case {types} end as event_type, u(e, 23) < 0.03 as is_organic, cast(null as bigint) as reverses
    from numbered
),
timed as (
    select *, requested_ms(r) + cast(case
        when event_type = 'purchase' then 604800000 * pow(u(e, 24), 3)
        when event_type in ('add_to_cart', 'save', 'rating') then 7200000 * u(e, 24)
        else -20000 * ln(1 - u(e, 24)) - 500
    end as bigint) as occurred_ms
    from caused
),
taken_back as (
    select
        {events} + e as e, r, p,
        case event_type when 'purchase' then 'return' when 'save' then 'unsave' else 'remove_from_cart' end as event_type,
        is_organic, e as reverses, occurred_ms + cast(1000 + 432000000 * pow(u(e, 25), 2) as bigint) as occurred_ms
    from timed
    where u(e, 26) < case event_type when 'purchase' then 0.035 when 'save' then 0.1 when 'add_to_cart' then 0.1 else 0 end
),
sent as (
    select *, occurred_ms + lateness_ms(e) as received_ms from (select * from timed union all select * from taken_back)
),
copies as (
    select *, 0 as copy_number from sent
    union all
    select * replace (received_ms + 1 + cast(100000000 * pow(u(e, 28), 4) as bigint) as received_ms), 1 as copy_number
    from sent where u(e, 27) < 0.01
)
select *, cast((received_ms - {start_ms}) // 86400000 as integer) as received_day
from copies
where received_ms < {end_ms}
order by received_day
"""

_EVENT = {
    "event_id": "id_of('e', e)",
    "event_type": "event_type",
    "occurred_at": "moment(occurred_ms)",
    "received_at": "moment(received_ms)",
    "user_id": "case when logged_in(r) then 'u' || user_of(r) end",
    # A logged-in event names the visitor as well now and then: that ties the two.
    "anonymous_id": "case when not logged_in(r) or u(e, 30) < 0.1 then 'v' || user_of(r) end",
    "session_id": "case when u(r, 31) < 0.7 then 's' || user_of(r) || '-' || (occurred_ms // 3600000) end",
    "item_id": "case when event_type = 'search' then null"
    " else 'i' || case when is_organic then cast(floor({items} * u(e, 32)) as bigint) else item_of(r, p) end end",
    "request_id": "case when not is_organic and event_type != 'search'"
    " and u(e, 33) < case when event_type in ('purchase', 'return') then 0.2 else 0.72 end then id_of('r', r) end",
    "position": "case when not is_organic and u(e, 33) < 0.72 then p end",
    "surface": "surface_of(r)",
    "dwell_ms": "case when event_type = 'view' then cast(exp(9.5 + 1.2 * (u(e, 34) + u(e, 35) + u(e, 36) - 1.5)) as bigint)"
    " when event_type = 'heartbeat' then 10000 end",
    "scroll_depth": "case when event_type in ('view', 'scroll') then round(u(e, 37), 3) end",
    "value": "case when event_type = 'purchase' then round(5 + 95 * u(e, 38), 2) end",
    "currency": "case when event_type = 'purchase' then 'EUR' end",
    "quantity": "case when event_type = 'purchase' then 1 + cast(floor(3 * u(e, 39)) as bigint)"
    " when event_type = 'return' then 1 end",
    "order_id": "case when event_type in ('purchase', 'return') then 'o' || coalesce(reverses, e) end",
    "reverses_event_id": "case when event_type = 'return' and u(reverses, 40) < 0.5 then id_of('e', reverses) end",
    "rating": "case when event_type = 'rating' then 1 + floor(5 * u(e, 41)) end",
    "query": "case when event_type = 'search' then 'words ' || cast(floor(1000 * u(e, 42)) as bigint) end",
    "user_agent": "case when user_of(r) % 997 = 3 then 'Examplebot/1.0'"
    " when u(user_of(r), 43) < 0.6 then 'Mozilla/5.0 (Linux; Android 14; Mobile)' else 'Mozilla/5.0 (X11; Linux x86_64)' end",
    "properties": 'case when u(e, 44) < 0.1 then \'{{"app":"web","build":1204}}\' end',
    "schema_version": "1",
}

_REQUEST = {
    "request_id": "id_of('r', r)",
    "occurred_at": "moment(requested_ms(r))",
    "received_at": "moment(requested_ms(r) + 20 + cast(pow(u(r, 50), 40) * 3600000 as bigint))",
    "user_id": "case when logged_in(r) then 'u' || user_of(r) end",
    "anonymous_id": "case when not logged_in(r) then 'v' || user_of(r) end",
    "session_id": "case when u(r, 31) < 0.7 then 's' || user_of(r) || '-' || (requested_ms(r) // 3600000) end",
    "surface": "surface_of(r)",
    "model_name": "case when u(r, 6) < 0.9 then 'als' else 'popularity' end",
    "model_version": "case when u(r, 6) < 0.9 then '7' else 'fallback' end",
    "policy": "'epsilon_greedy'",
    "snapshot_id": "cast(r * {days} // {requests} as varchar)",
    "experiment_id": "case when u(r, 51) < 0.2 then 'ranking' end",
    "variant": "case when u(r, 51) < 0.1 then 'A' when u(r, 51) < 0.2 then 'B' end",
    "query": "case when surface_of(r) = 'search' then 'words ' || cast(floor(1000 * u(r, 52)) as bigint) end",
    "context": "'{{\"hour\":' || (requested_ms(r) // 3600000 % 24) || '}}'",
    "items": "list_transform(range(1, slate_length(r) + 1), lambda p: {{'item_id': 'i' || item_of(r, p), 'position': p,"
    " 'score': round(1 / (p + u(r * 32 + p, 53)), 6), 'propensity': round(1 / (1 + p * u(r * 32 + p, 54)), 6)}})",
    "latency_ms": "round(5 + 50 * u(r, 55), 3)",
    "schema_version": "1",
}

_ITEM = {
    "item_id": "'i' || i",
    "title": "'Item ' || i",
    "topic": "'topic ' || (i % 40)",
    "price": "round(5 + 95 * u(i, 60), 2)",
    "expected_dwell_s": "round(10 + 170 * u(i, 61), 1)",
    "is_available": "true",
    "updated_at": "moment({start_ms} - 86400000)",
    "received_at": "moment({start_ms} - 86400000)",
    "schema_version": "1",
}

_USER = {
    "user_id": "'u' || i",
    "attributes": "'{{\"plan\":' || (i % 3) || '}}'",
    "first_seen_at": "moment({start_ms} - 86400000)",
    "updated_at": "moment({start_ms} - 86400000)",
    "received_at": "moment({start_ms} - 86400000)",
    "schema_version": "1",
}


class RawSql:
    """The generator's statements for one size and seed."""

    def __init__(self, size: BenchSize, seed: int) -> None:
        start = int((size.start - _EPOCH).total_seconds()) * 1000
        end = int((size.end - _EPOCH).total_seconds()) * 1000
        types = " ".join(f"when kind < {limit} then '{name}'" for limit, name in _TYPES)
        self._words = {
            "seed": seed,
            "start_ms": start,
            "end_ms": end,
            "request_ms": f"({end - start}.0 / {size.requests})",
            "days": size.days,
            "requests": size.requests,
            "events": size.events,
            "users": size.users,
            "items": size.items,
            "types": types,
        }
        self._size = size

    @property
    def macros(self) -> list[str]:
        """Define the macros that every other statement calls."""
        text = _MACROS.format(**self._words)
        return [statement for statement in text.split(";\n") if statement.strip()]

    @property
    def event_lines(self) -> str:
        """Write the narrow table of all event lines."""
        return _LINES.format(**self._words)

    def lines(self, log: str, day: int, source_file: str) -> str:
        """Return the query of the log's raw rows received on the day (0 is the first); `is_copy` marks repeated keys."""
        expressions, source, order = {
            "events": (
                _EVENT,
                f"(from event_lines where received_day = {day})",
                "received_ms, e, copy_number",
            ),
            "inferences": (_REQUEST, self._requests_received(day), "received_at, r"),
            "items": (_ITEM, f"range({self._size.items}) as things (i)", "i"),
            "users": (_USER, f"range({self._size.users}) as things (i)", "i"),
        }[log]
        columns = {name: expressions.get(name, "null") for name in RAW_COLUMNS[log]}
        columns["source_file"] = f"'{source_file}'"
        columns["source_line"] = f"row_number() over (order by {order})"
        typed = ", ".join(
            f'cast({expression.format(**self._words)} as {RAW_COLUMNS[log][name]}) as "{name}"'
            for name, expression in columns.items()
        )
        copies = "copy_number > 0" if log == "events" else "false"
        return f"select {typed}, {copies} as is_copy from {source}"

    def _requests_received(self, day: int) -> str:
        """The numbers of the requests received on the day: made on it, or in the hour before it."""
        per_day = self._size.requests / self._size.days
        low, high = max(0, int((day - 0.1) * per_day)), min(self._size.requests, int((day + 1) * per_day) + 1)
        received = _REQUEST["received_at"].format(**self._words)
        midnight = f"moment({self._words['start_ms']} + {day} * 86400000::bigint)"
        return (
            f"(select r from range({low}, {high}) as numbers (r)"
            f" where {received} >= {midnight} and {received} < {midnight} + interval 1 day)"
        )
