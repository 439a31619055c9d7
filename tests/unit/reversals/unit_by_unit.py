"""A slow and obvious second opinion: every purchase laid out in single pieces, every return picking them up one by one.

Written from the rules, not from the allocation: lists and linear searches only. Pieces and whole events, no money.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

Event = dict[str, Any]


@dataclass
class Piece:
    of: Event
    number: int
    gone: bool = False


def taken_pieces(events: list[Event]) -> Counter[tuple[str, str | None]]:
    """Pieces by (reversal, original); under None, the pieces that found nothing (1 where none were stated)."""
    shelf = [
        Piece(event, number)
        for event in events
        if event["reversal_of"] is None
        for number in range(event.get("quantity") or 1)
    ]
    taken: Counter[tuple[str, str | None]] = Counter()
    reversals = [event for event in events if event["reversal_of"] is not None]
    reversals.sort(key=lambda event: (event["occurred_at"], event["event_id"]))
    for how in ("named", "ordered", "guessed", "lost"):
        for reversal in reversals:
            if how_found(reversal, shelf) == how:
                pick_up(
                    reversal,
                    [p for p in shelf if how != "lost" and may_take(reversal, p.of, how)],
                    how,
                    taken,
                )
    return taken


def how_found(reversal: Event, shelf: list[Piece]) -> str:
    own = [piece.of for piece in shelf if piece.of["actor_id"] == reversal["owner_id"]]
    if reversal.get("reverses_event_id") and any(o["event_id"] == reversal["reverses_event_id"] for o in own):
        return "named"
    if reversal.get("order_id") and any(
        o.get("order_id") == reversal["order_id"] and is_meant(reversal, o) for o in own
    ):
        return "ordered"
    return "lost" if reversal.get("reverses_event_id") or not reversal.get("item_id") else "guessed"


def is_meant(reversal: Event, original: Event) -> bool:
    if reversal["reversal_of"] == "any":
        return bool(original["polarity"] != "neutral")
    return bool(original["event_type"] == reversal["reversal_of"])


def may_take(reversal: Event, original: Event, how: str) -> bool:
    if original["actor_id"] != reversal["owner_id"] or original["occurred_at"] > reversal["occurred_at"]:
        return False
    if how == "named":
        return bool(original["event_id"] == reversal["reverses_event_id"])
    if not is_meant(reversal, original):
        return False
    if how == "ordered":
        same_item = not reversal.get("item_id") or original.get("item_id") == reversal["item_id"]
        return same_item and bool(original.get("order_id") == reversal["order_id"])
    if reversal.get("order_id") and original.get("order_id"):
        return False
    return bool(original.get("item_id") == reversal["item_id"])


def pick_up(reversal: Event, allowed: list[Piece], how: str, taken: Counter[tuple[str, str | None]]) -> None:
    """Newest first; as many as stated, else all that is left of the newest, else of a whole order everything."""
    standing = [piece for piece in allowed if not piece.gone]
    standing.sort(
        key=lambda piece: (piece.of["occurred_at"], piece.of["event_id"], -piece.number), reverse=True
    )
    wanted = reversal.get("quantity") or 0
    if wanted:
        chosen = standing[:wanted]
    elif how == "ordered" and not reversal.get("item_id"):
        chosen = standing
    else:
        chosen = [piece for piece in standing if piece.of is standing[0].of]
    for piece in chosen:
        piece.gone = True
        taken[reversal["event_id"], piece.of["event_id"]] += 1
    missing = max(wanted, 1) - len(chosen) if wanted or not chosen else 0
    if missing:
        taken[reversal["event_id"], None] += missing
