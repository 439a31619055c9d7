"""Short ways to write originals and reversals down, and to read what the allocation said."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from revealed.feedback.reversals import allocate_reversals

Event = dict[str, Any]

START = datetime.fromisoformat("2026-01-01")
REVERSAL_OF = {
    "return": "purchase",
    "cancel": "purchase",
    "unsave": "save",
    "remove_from_cart": "add_to_cart",
    "undo": "any",
}
_POLARITY = {"heartbeat": "neutral", "scroll": "neutral", "hide": "negative"}

_COMMON = [
    ("event_id", pa.string()),
    ("event_type", pa.string()),
    ("item_id", pa.string()),
    ("order_id", pa.string()),
    ("occurred_at", pa.timestamp("us")),
    ("quantity", pa.int64()),
    ("value", pa.float64()),
    ("currency", pa.string()),
]
ORIGINALS = pa.schema([*_COMMON, ("polarity", pa.string()), ("actor_id", pa.string())])
REVERSALS = pa.schema(
    [*_COMMON, ("reversal_of", pa.string()), ("owner_id", pa.string()), ("reverses_event_id", pa.string())]
)


def event(name: str, kind: str, at: float, **says: Any) -> Event:
    """An event of ann's on item i1 `at` hours after the start, unless it says otherwise."""
    actor = says.pop("actor", "ann")
    return {
        "event_id": name,
        "event_type": kind,
        "item_id": "i1",
        "occurred_at": START + timedelta(hours=at),
        "polarity": _POLARITY.get(kind, "positive"),
        "reversal_of": REVERSAL_OF.get(kind),
        "actor_id": actor,
        "owner_id": actor,
        **{
            {"order": "order_id", "names": "reverses_event_id", "item": "item_id"}.get(k, k): v
            for k, v in says.items()
        },
    }


def tables(events: Iterable[Event]) -> tuple[pa.Table, pa.Table]:
    """Originals and reversals as Arrow tables, in the order given."""
    listed = list(events)
    originals = [entry for entry in listed if entry["reversal_of"] is None]
    reversals = [entry for entry in listed if entry["reversal_of"] is not None]
    return pa.Table.from_pylist(originals, ORIGINALS), pa.Table.from_pylist(reversals, REVERSALS)


def allocated(events: Iterable[Event], *, tolerance_minutes: float = 0) -> list[dict[str, Any]]:
    """The allocation's rows."""
    table = allocate_reversals(*tables(events), clock_tolerance=timedelta(minutes=tolerance_minutes))
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def pieces(events: Iterable[Event], *, tolerance_minutes: float = 0) -> dict[tuple[str, str | None], float]:
    """Pieces taken by (reversal, original); of what found nothing, the share of the reversal."""
    return {
        (row["reversal_event_id"], row["original_event_id"]): row["reversed_quantity"]
        or row["share_of_reversal"]
        for row in allocated(events, tolerance_minutes=tolerance_minutes)
    }
