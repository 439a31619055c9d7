"""Features of an item for a person at the moment a list was shown, from what had been received by then.

An event counts from when it was received; what a visitor had done counts for the person from when the two were known
to be one. An item's own counts are taken at whole hours that had passed. Title, text, topic, author and format are
the catalogue's as of the build. Position and the recommender's score, which made the position, are not features.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from revealed.engines.duckdb import literal
from revealed.reward.likeness import Likeness

Floats = NDArray[np.float64]

# Acts of a person that make their own shares outweigh "nothing known".
_PRIOR_ACTS = 5
# An item is first taken to be engaged with by one showing in ten.
_PRIOR_ENGAGEMENTS, _PRIOR_SHOWINGS = 2, 20
# Items of a person's past whose text speaks for their taste.
_PAST_ITEMS = 20
_KEYS = ("topic", "author", "format", "item_id")

FEATURES = (
    "popularity",
    "engagement_rate",
    "age",
    "is_age_unknown",
    "topic_for",
    "topic_against",
    "author_for",
    "author_against",
    "format_for",
    "format_against",
    "item_for",
    "item_against",
    "length",
    "price",
    "text_likeness",
)


@dataclass(frozen=True)
class Showings:
    """Rows of shown items in the order asked for: features, and for baselines alone where and how highly scored.

    `places` are the numbers of the rows that the warehouse knows; position and score are NaN where unknown.
    """

    places: NDArray[np.int64]
    features: Floats
    position: Floats
    score: Floats


class History:
    """What was known when, as tables of running counts that a showing is joined to by its moment.

    Args:
        con: the published warehouse; only temporary tables are made in it.
        items: the dataset's `items.parquet`.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, items: Path) -> None:
        self._con = con
        con.execute(
            f"create or replace temp table catalogue as select *, row_number() over (order by item_id) - 1 as number"
            f" from read_parquet({literal(items)})"
        )
        con.execute(_ACTS)
        con.execute(_ITEM_HISTORY)
        for key in _KEYS:
            con.execute(_past(key))
        con.execute(_ALL_ACTS)
        con.execute(_LAST_ITEMS)
        words = con.execute(
            "select concat_ws(' ', title, text) as words from catalogue order by number"
        ).fetchall()
        self._likeness = Likeness([row[0] for row in words])

    def features(self, showings: str) -> Showings:
        """Return the features of a relation with `place`, `request_id` and `item_id`, in the order of `place`."""
        found = self._columns(_features(showings))
        pasts = self._columns(_pasts(showings))
        likeness = self._likeness.of(pasts["place"], pasts["number"], found["place"], found["number"])
        return Showings(
            places=found["place"].astype(np.int64),
            features=np.column_stack([*(found[name] for name in FEATURES[:-1]), likeness]),
            position=found["position"],
            score=found["score"],
        )

    def _columns(self, query: str) -> dict[str, Any]:
        """Return the columns of a query: numbers of rows as they are, others as floats, NaN where null."""
        columns: dict[str, Any] = dict(self._con.execute(query).fetchnumpy())
        whole = ("place", "number")
        return {
            name: np.asarray(column, dtype=np.int64)
            if name in whole
            else np.ma.filled(column.astype(np.float64), np.nan)
            for name, column in columns.items()
        }


_ACTS = """
    create or replace temp table acts as
    with told as (
        select actor_id, logged_actor_id, identity_known_at, received_at, item_id,
            cast(polarity = 'positive' as integer) as is_for, cast(polarity = 'negative' as integer) as is_against
        from marts.fct_events
        where item_id is not null and not is_bot and polarity in ('positive', 'negative')
    )
    select actor_id, item_id, greatest(received_at, identity_known_at) as known_at, received_at,
        is_for, is_against, false as is_again
    from told
    union all
    select logged_actor_id, item_id, received_at, received_at, is_for, is_against, true
    from told where logged_actor_id != actor_id"""

_ITEM_HISTORY = """
    create or replace temp table item_history as
    with told as (
        select item_id, date_trunc('hour', received_at) + interval 1 hour as known_at,
            is_for as engagements, 0 as showings
        from acts where not is_again
        union all
        select item_id, date_trunc('hour', occurred_at) + interval 1 hour, 0, 1
        from intermediate.int_impressions_resolved
    ),
    hours as (
        select item_id, known_at, sum(engagements) as engagements, sum(showings) as showings
        from told group by item_id, known_at
    )
    select item_id, known_at,
        cast(sum(engagements) over so_far as double) as engagements, cast(sum(showings) over so_far as double) as showings
    from hours window so_far as (partition by item_id order by known_at)"""

_ALL_ACTS = """
    create or replace temp table past_acts as
    with moments as (select actor_id, known_at, count(*) as acts from acts group by actor_id, known_at)
    select actor_id, known_at, cast(sum(acts) over (partition by actor_id order by known_at) as double) as acts
    from moments"""

_LAST_ITEMS = f"""
    create or replace temp table last_items as
    select actor_id, known_at,
        list(catalogue.number) over (
            partition by actor_id order by known_at, item_id rows between {_PAST_ITEMS - 1} preceding and current row
        ) as numbers
    from acts inner join catalogue using (item_id)
    where is_for = 1
    qualify row_number() over (partition by actor_id, known_at order by item_id desc) = 1"""


def _past(key: str) -> str:
    """How often a person had acted for and against each value of a catalogue column, at every moment it changed."""
    return f"""
        create or replace temp table past_{key} as
        with moments as (
            select actor_id, {key}, known_at, sum(is_for) as acts_for, sum(is_against) as acts_against
            from acts inner join catalogue using (item_id)
            where {key} is not null
            group by actor_id, {key}, known_at
        )
        select actor_id, {key}, known_at,
            cast(sum(acts_for) over so_far as double) as acts_for,
            cast(sum(acts_against) over so_far as double) as acts_against
        from moments window so_far as (partition by actor_id, {key} order by known_at)"""


def _asked(showings: str) -> str:
    """Each showing with who was known to ask then, and what the catalogue says of the item."""
    return f"""asked as (
            select wanted.place, shown.item_id, shown.position, shown.score, shown.occurred_at,
                case when shown.identity_known_at >= shown.occurred_at
                    then shown.logged_actor_id else shown.actor_id end as actor_id,
                catalogue.number, catalogue.topic, catalogue.author, catalogue.format, catalogue.published_at,
                catalogue.expected_dwell_s, catalogue.price
            from {showings} as wanted
            inner join intermediate.int_impressions_resolved as shown using (request_id, item_id)
            left join catalogue using (item_id)
        )"""


def _features(showings: str) -> str:
    shares = ", ".join(
        f"coalesce(past_{key}.acts_{side}, 0) / (coalesce(past_acts.acts, 0) + {_PRIOR_ACTS})"
        f" as {key.removesuffix('_id')}_{side}"
        for key in _KEYS
        for side in ("for", "against")
    )
    joins = " ".join(
        f"asof left join past_{key} on asked.actor_id = past_{key}.actor_id and asked.{key} = past_{key}.{key}"
        f" and asked.occurred_at > past_{key}.known_at"
        for key in _KEYS
    )
    return f"""
        with {_asked(showings)}
        select asked.place, asked.position, asked.score, coalesce(asked.number, -1) as number,
            ln(1 + coalesce(item_history.engagements, 0)) as popularity,
            ln((coalesce(item_history.engagements, 0) + {_PRIOR_ENGAGEMENTS})
                / (coalesce(item_history.showings, 0) + {_PRIOR_SHOWINGS})) as engagement_rate,
            coalesce(ln(1 + greatest(epoch(asked.occurred_at) - epoch(asked.published_at), 0) / 3600), 0) as age,
            cast(asked.published_at is null as integer) as is_age_unknown,
            {shares},
            coalesce(ln(1 + greatest(asked.expected_dwell_s, 0)), 0) as length,
            coalesce(ln(1 + greatest(asked.price, 0)), 0) as price
        from asked
        asof left join item_history on asked.item_id = item_history.item_id and asked.occurred_at > item_history.known_at
        asof left join past_acts on asked.actor_id = past_acts.actor_id and asked.occurred_at > past_acts.known_at
        {joins}
        order by asked.place"""


def _pasts(showings: str) -> str:
    """The last items of each showing's person, one row an item."""
    return f"""
        with {_asked(showings)}
        select asked.place, unnest(last_items.numbers) as number
        from asked
        asof join last_items on asked.actor_id = last_items.actor_id and asked.occurred_at > last_items.known_at
        order by all"""
