"""Unseen items drawn for each liked one, by a stated strategy: the draw depends on the seed and the rows alone.

Points on the catalogue's cumulative weight, drawn by digest, so that neither threads nor files change them; a point
that falls on an item the person knows, or drew before, is passed over, which leaves the strategy's distribution
among the others as it was (rejection sampling).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from revealed.settings import Settings

# Mikolov et al. (2013): unigram frequencies to the power of 3/4 as the noise distribution.
EXPONENT = {"uniform": 0.0, "popularity": 0.75}
# Points a wanted item: people who know nine items of ten still get most of what they should.
_POINTS = 10
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


def negatives_query(sampling: NegativeSampling, interactions: str, items: str, seen: str, as_of: str) -> str:
    """Return the query whose rows are the drawn items: user_id, item_id, weight, strategy, rank.

    `weight` is how much rarer the strategy draws the item than a uniform draw would (1 for uniform): weighted
    by it, the sample reads as uniform. `rank` counts a person's items in the order drawn, from 1. A person who
    knows nearly everything gets fewer.

    Args:
        sampling: the strategy.
        interactions: relation with user_id, item_id, preference.
        items: relation with item_id, is_available, published_at.
        seen: relation with user_id, item_id: what must not be drawn (shown, or known otherwise).
        as_of: a timestamp expression; items published later cannot be drawn.
    """
    return f"""
        with likes as (
            select item_id, count(*) as likes from {interactions} where preference = 1 group by item_id
        ),
        weighted as (
            select items.item_id,
                cast(round(pow(coalesce(likes.likes, 0), {sampling.exponent}) * {_SCALE}) as hugeint) as weight
            from {items} as items left join likes on items.item_id = likes.item_id
            where items.is_available and coalesce(items.published_at <= {as_of}, true)
        ),
        catalogue as (
            select item_id, weight, sum(weight) over () as total, count(*) over () as items,
                sum(weight) over (order by item_id rows unbounded preceding) as upto
            from weighted where weight > 0
        ),
        wanted as (
            select user_id, count(*) * {sampling.per_positive} as wanted
            from {interactions} where preference = 1 group by user_id
        ),
        points as (
            select user_id, wanted, point.number,
                md5_number_lower(concat_ws('|', {sampling.seed}, user_id, point.number))
                % (select any_value(total) from catalogue) as place
            from wanted, unnest(range(1, 1 + wanted * {_POINTS})) as point (number)
        ),
        drawn as (
            select points.user_id, catalogue.item_id, min(points.number) as number, any_value(points.wanted) as wanted,
                any_value(catalogue.total / catalogue.items / catalogue.weight) as weight
            from points asof join catalogue on points.place < catalogue.upto
            group by points.user_id, catalogue.item_id
        ),
        ranked as (
            select *, row_number() over (partition by user_id order by number) as rank
            from drawn anti join {seen} as seen using (user_id, item_id)
        )
        select user_id, item_id, cast(weight as double) as weight, '{sampling.strategy}' as strategy, rank
        from ranked where rank <= wanted order by user_id, rank"""
