"""Unseen items drawn for each liked one, by a stated strategy: the draw depends on the seed and the rows alone.

Points on the catalogue's cumulative weight, drawn by digest, so that neither threads nor files change them; a point
that falls on an item the person knows, or drew before, is passed over, which leaves the strategy's distribution
among the others as it was (rejection sampling).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb

from revealed.settings import Settings

# Mikolov et al. (2013): unigram frequencies to the power of 3/4 as the noise distribution.
EXPONENT = {"uniform": 0.0, "popularity": 0.75}
# Points a wanted item, round by round; a round is only for people who are still short. Who knows nine items of
# ten still gets most of what they should.
_ROUNDS = (1.25, 2.5, 5.0, 10.0)
# Whole numbers: a cumulative sum of doubles would depend on the order of addition.
_SCALE = 1_000_000


@dataclass(frozen=True)
class NegativeSampling:
    """How unseen items are drawn: items weigh likes to the power of `exponent`; `per_positive` for each like."""

    strategy: str
    per_positive: int
    seed: int

    @classmethod
    def of(cls, settings: Settings) -> NegativeSampling:
        """Return what the settings ask for."""
        return cls(settings.negatives_strategy, settings.negatives_per_positive, settings.negatives_seed)

    @property
    def exponent(self) -> float:
        """The power of an item's likes that it is drawn in proportion to."""
        return EXPONENT[self.strategy]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values for the manifest."""
        return {
            "strategy": self.strategy,
            "exponent": self.exponent,
            "per_positive": self.per_positive,
            "seed": self.seed,
        }


def draw_negatives(
    con: duckdb.DuckDBPyConnection, sampling: NegativeSampling, *, interactions: str, items: str, seen: str
) -> str:
    """Draw the items into temporary tables, and return the query whose rows they are, ordered by person and rank.

    Its columns: user_id, item_id, weight, strategy, rank. `weight` is how much rarer the strategy draws the
    item than a uniform draw would (1 for uniform): weighted by it, the sample reads as uniform. `rank` counts a
    person's items in the order drawn, from 1. Who knows nearly everything gets fewer.

    Args:
        con: where the relations are.
        sampling: the strategy.
        interactions: relation with user_id, item_id, preference, as_of.
        items: relation with item_id, is_available, published_at; what is not out at the as-of cannot be drawn.
        seen: relation with user_id, item_id: what must not be drawn (shown, or known otherwise).
    """
    con.execute(_catalogue(sampling, interactions, items))
    con.execute(
        f"create or replace temp table wanted as select user_id, count(*) * {sampling.per_positive} as wanted, "
        f"cast(0 as bigint) as found from {interactions} where preference = 1 group by user_id"
    )
    con.execute("create or replace temp table drawn (user_id varchar, item_id varchar, number bigint)")
    for begun, points in zip((0.0, *_ROUNDS), _ROUNDS, strict=False):
        con.execute(_round(sampling, seen, begun, points))
        con.execute(
            "update wanted set found = counted.n from (select user_id, count(*) as n from drawn group by user_id)"
            " as counted where wanted.user_id = counted.user_id"
        )
    return f"""
        select user_id, item_id, items.weight, '{sampling.strategy}' as strategy, rank
        from (
            select *, row_number() over (partition by user_id order by number) as rank from drawn
        ) as ranked
        inner join wanted using (user_id)
        inner join drawable as items using (item_id)
        where rank <= wanted order by user_id, rank"""


def _catalogue(sampling: NegativeSampling, interactions: str, items: str) -> str:
    """What can be drawn: each item owns the places below `upto` and not below the item before it."""
    return f"""
        create or replace temp table drawable as
        with likes as (
            select item_id, count(*) as likes from {interactions} where preference = 1 group by item_id
        ),
        weighted as (
            select items.item_id,
                cast(round(pow(coalesce(likes.likes, 0), {sampling.exponent}) * {_SCALE}) as bigint) as places
            from {items} as items left join likes on items.item_id = likes.item_id
            where items.is_available
                and coalesce(items.published_at <= (select max(as_of) from {interactions}), true)
        )
        select item_id, cast(sum(places) over () as bigint) as total,
            cast(sum(places) over (order by item_id rows unbounded preceding) as bigint) as upto,
            cast(sum(places) over () as double) / count(*) over () / places as weight
        from weighted where places > 0"""


def _round(sampling: NegativeSampling, seen: str, begun: float, points: float) -> str:
    """Further points for those who are short; numbered on, so that rounds change nothing but the work."""
    return f"""
        insert into drawn
        with points as (
            select user_id, point.number, cast(
                md5_number_lower(concat_ws('|', {sampling.seed}, user_id, point.number))
                % (select any_value(total) from drawable) as bigint) as place
            from wanted, unnest(range(
                cast(ceil(wanted * {begun}) as bigint) + 1, cast(ceil(wanted * {points}) as bigint) + 1
            )) as point (number)
            where found < wanted
        ),
        hits as (
            select points.user_id, drawable.item_id, min(points.number) as number
            from points asof join drawable on points.place < drawable.upto
            group by points.user_id, drawable.item_id
        )
        select user_id, item_id, number
        from hits anti join {seen} as seen using (user_id, item_id) anti join drawn using (user_id, item_id)"""
