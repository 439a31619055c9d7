"""Originals and reversals as read from Arrow: amounts that say nothing (zero, not finite) are none."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

# Shares are kept to nine decimals, as sums are elsewhere; what is less than half of the last one is nothing.
DECIMALS = 9
DUST = 0.5 * 10.0**-DECIMALS

_STATEMENTS = ("positive", "negative")


@dataclass(slots=True)
class Original:
    """An event that can be taken back, and how much of it has been so far (`taken`, 0 to 1)."""

    event_id: str
    event_type: str
    is_statement: bool
    actor: str
    item: str | None
    order: str | None
    at_us: int
    pieces: float | None
    value: float | None
    currency: str | None
    logged_value: float = 0.0
    taken: float = 0.0

    @property
    def units(self) -> float:
        """Its pieces; one where none are stated."""
        return self.pieces or 1.0

    @property
    def standing(self) -> float:
        """The share that nothing has taken back yet."""
        return 1.0 - self.taken

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left to take back."""
        return self.taken >= 1.0

    def take(self, share: float) -> None:
        """Take `share` of it back; a rest too small to be written counts as taken."""
        self.taken += share
        if self.taken > 1.0 - DUST:
            self.taken = 1.0


@dataclass(frozen=True, slots=True)
class Reversal:
    """An event that takes others back, and what it says about which and how much."""

    event_id: str
    event_type: str
    reversal_of: str
    owner: str
    names: str | None
    item: str | None
    order: str | None
    at_us: int
    pieces: float | None
    value: float | None
    currency: str | None


def read_originals(table: pa.Table) -> list[Original]:
    """Return the originals in the order in which they happened; ties by event id."""
    keys = [table[name].to_pylist() for name in ("event_id", "event_type", "polarity", "actor_id", "value")]
    events = [
        Original(event_id, kind, polarity in _STATEMENTS, actor, *rest, logged_value=_money(value))
        for (event_id, kind, polarity, actor, value), rest in zip(
            zip(*keys, strict=True), _particulars(table), strict=True
        )
    ]
    return sorted(events, key=lambda event: (event.at_us, event.event_id))


def read_reversals(table: pa.Table) -> list[Reversal]:
    """Return the reversals in the order in which they happened; ties by event id."""
    keys = [table[name].to_pylist() for name in ("event_id", "event_type", "reversal_of", "owner_id")]
    keys.append(table["reverses_event_id"].to_pylist())
    events = [
        Reversal(event_id, kind, of, owner, names, *rest)
        for (event_id, kind, of, owner, names), rest in zip(
            zip(*keys, strict=True), _particulars(table), strict=True
        )
    ]
    return sorted(events, key=lambda event: (event.at_us, event.event_id))


_Particulars = tuple[str | None, str | None, int, float | None, float | None, str | None]


def _particulars(table: pa.Table) -> Iterator[_Particulars]:
    """Yield what both kinds have: item, order, moment (microseconds), pieces, money and its currency."""
    moments = table["occurred_at"].cast(pa.timestamp("us")).cast(pa.int64()).to_pylist()
    return zip(
        table["item_id"].to_pylist(),
        table["order_id"].to_pylist(),
        moments,
        map(_amount, table["quantity"].to_pylist()),
        map(_amount, table["value"].to_pylist()),
        table["currency"].to_pylist(),
        strict=True,
    )


def _amount(number: float | None) -> float | None:
    """Return the size of an amount, which some senders sign; none where it says nothing."""
    return abs(float(number)) if number and math.isfinite(number) else None


def _money(value: float | None) -> float:
    return value if value is not None and math.isfinite(value) else 0.0
