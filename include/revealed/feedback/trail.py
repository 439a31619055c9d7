"""How one person's confidence in one item came about: every piece of evidence, what was left out, and the sum.

Read from the published warehouse and added up again here, so that what is told is checked against what was published.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import duckdb

from revealed.engines.duckdb import connect
from revealed.errors import BuildFailedError
from revealed.feedback.absence import explain_absence
from revealed.feedback.uncounted import read_uncounted
from revealed.settings import Settings

FACTORS = (
    "base_weight",
    "strength",
    "kept_share",
    "recency_factor",
    "dwell_factor",
    "examination_factor",
    "damping",
)
"""The columns of `fct_evidence` whose product is what a piece counts."""

# The marts add up decimals of nine places: so far may a sum of many pieces be off.
_TOLERANCE = 1e-6
_NINE_PLACES = Decimal("1e-9")
Row = dict[str, Any]


@dataclass(frozen=True)
class Sums:
    """The sums of the counted pieces: P and N, and what N is made of."""

    positive: float
    negative_events: float
    skips: float
    skips_capped: float

    @property
    def negative(self) -> float:
        """Return N."""
        return self.negative_events + self.skips_capped


@dataclass(frozen=True)
class Explanation:
    """A pair's confidence with everything it is made of.

    `pieces` are rows of `fct_evidence`, oldest first, with `counted`, the product of their `FACTORS`; `uncounted` says
    of everything else that is known of the pair why it has no say; `rule` holds the constants; `published` is the row
    of `feedback_user_item`; `confidence` and `formula` are worked out here.
    """

    user_id: str
    item_id: str
    title: str | None
    as_of: datetime
    policy_version: str
    pieces: list[Row]
    uncounted: list[Row]
    sums: Sums
    rule: Row
    published: Row
    confidence: float
    formula: str

    @property
    def preference(self) -> int:
        """Return 1 for liked, 0 for not."""
        return int(self.confidence > 0)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        sums = asdict(self.sums) | {"negative": self.sums.negative}
        return asdict(self) | {"preference": self.preference, "sums": sums}


def explain_pair(settings: Settings, user_id: str, item_id: str) -> Explanation:
    """Return how the confidence of `user_id` in `item_id` came about in the warehouse in service.

    Raises:
        NothingPublishedError: no warehouse is in service.
        MissingInputError: nobody, or nothing, is known by that id.
        NoDataError: both are known, but the pair has no evidence; the message says what there is instead.
        BuildFailedError: the pieces do not add up to what was published.
    """
    con = connect(settings, settings.published_warehouse, read_only=True)
    try:
        published = rows(
            con, "select * from marts.feedback_user_item where user_id = ? and item_id = ?", user_id, item_id
        )
        if not published:
            raise explain_absence(con, user_id, item_id)
        return _explanation(con, published[0])
    finally:
        con.close()


def _explanation(con: duckdb.DuckDBPyConnection, published: Row) -> Explanation:
    pair = (published["user_id"], published["item_id"])
    pieces = rows(
        con,
        "select * from marts.fct_evidence where user_id = ? and item_id = ? order by occurred_at, evidence_id",
        *pair,
    )
    pieces = [piece | {"counted": _product(piece)} for piece in pieces]
    rule = rows(con, "select * from intermediate.int_confidence_rule")[0]
    sums = add_up(pieces, rule["skip_evidence_max"])
    confidence, formula = signed_confidence(sums, rule, published["popularity_factor"])
    _require_agreement(published, sums, confidence)
    titles = rows(con, "select title from marts.dim_items where item_id = ?", pair[1])
    return Explanation(
        user_id=pair[0],
        item_id=pair[1],
        title=titles[0]["title"] if titles else None,
        as_of=published["as_of"],
        policy_version=published["policy_version"],
        pieces=pieces,
        uncounted=read_uncounted(con, *pair, counted=frozenset(piece["evidence_id"] for piece in pieces)),
        sums=sums,
        rule=rule,
        published=published,
        confidence=confidence,
        formula=formula,
    )


def add_up(pieces: Sequence[Row], skip_evidence_max: float) -> Sums:
    """Return the sums of pieces, each rounded to nine places as the marts do; skips are capped together."""
    positive = _sum(piece for piece in pieces if piece["polarity"] == "positive")
    skips = _sum(piece for piece in pieces if piece["kind"] == "skipped_impression")
    negative = _sum(piece for piece in pieces if piece["polarity"] == "negative") - skips
    return Sums(positive, negative, skips, min(skip_evidence_max, skips))


def signed_confidence(sums: Sums, rule: Row, popularity_factor: float = 1.0) -> tuple[float, str]:
    """Return the signed confidence (Hu, Koren and Volinsky 2008, dislikes negative) and how it was worked out."""
    largest, scale = rule["confidence_max"], f"{popularity_factor:.4f} × " if popularity_factor != 1.0 else ""
    if sums.positive > sums.negative:
        alpha = rule["confidence_alpha"]
        raw = 1 + alpha * popularity_factor * (sums.positive - sums.negative)
        text = f"1 + {alpha:g} × {scale}({sums.positive:.4f} - {sums.negative:.4f}) = {raw:.4f}"
    else:
        beta = rule["confidence_beta"]
        raw = -(1 + beta * (sums.negative - sums.positive))
        text = f"-(1 + {beta:g} × ({sums.negative:.4f} - {sums.positive:.4f})) = {raw:.4f}"
    value = max(-largest, min(largest, raw))
    return value, text if value == raw else f"{text}, clipped to {value:g}"


def rows(con: duckdb.DuckDBPyConnection, query: str, *parameters: Any) -> list[Row]:
    """Return the result of a query as one dictionary a row."""
    cursor = con.execute(query, list(parameters))
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _product(piece: Row) -> float:
    product = 1.0
    for factor in FACTORS:
        product *= piece[factor]
    return product


def _sum(pieces: Any) -> float:
    exact = (Decimal(piece["counted"]).quantize(_NINE_PLACES, ROUND_HALF_UP) for piece in pieces)
    return float(sum(exact, Decimal(0)))


def _require_agreement(published: Row, sums: Sums, confidence: float) -> None:
    told = {"positive_evidence": sums.positive, "negative_evidence": sums.negative, "confidence": confidence}
    # A rounding of the sums is as much larger in the confidence as its slope is steep.
    for name, value in told.items():
        if abs(published[name] - value) > _TOLERANCE * max(1.0, abs(value)):
            raise BuildFailedError(
                f"the pieces add up to {name} {value}, but {published[name]} was published",
                where=f"marts.feedback_user_item, {published['user_id']} and {published['item_id']}",
                remedy="build the warehouse again: `revealed run`; if it stays, this is a fault of ours",
            )
