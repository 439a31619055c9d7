"""The event log: one row for each thing that a person did."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

from revealed.contracts.fields import (
    Count,
    Fraction,
    Identifier,
    Instant,
    JsonObject,
    Position,
    Version,
    require_identity,
    require_plausible,
)

EventType = Literal[
    "impression", "view", "click", "heartbeat", "scroll", "add_to_cart", "remove_from_cart", "purchase",
    "return", "cancel", "convert", "save", "unsave", "share", "copy", "skip", "hide", "not_interested",
    "undo", "rating", "thumbs_up", "thumbs_down", "correction", "preference", "search", "identify",
]  # fmt: skip
EVENT_TYPES: frozenset[str] = frozenset(get_args(EventType))


class Event(msgspec.Struct, kw_only=True, gc=False):
    """One event. `event_id` is the key under which repeated deliveries count once.

    `dwell_ms` is active time in milliseconds, `scroll_depth` the share of the page that was seen. Unlisted
    keys are kept in `properties` (a key that `properties` has already keeps its value there).
    """

    event_id: Identifier
    event_type: EventType
    occurred_at: Instant
    received_at: Instant | None = None
    user_id: Identifier | None = None
    anonymous_id: Identifier | None = None
    session_id: Identifier | None = None
    item_id: Identifier | None = None
    request_id: Identifier | None = None
    position: Position | None = None
    surface: Identifier | None = None
    dwell_ms: Count | None = None
    scroll_depth: Fraction | None = None
    value: float | None = None
    currency: Identifier | None = None
    quantity: Count | None = None
    order_id: Identifier | None = None
    reverses_event_id: Identifier | None = None
    rating: float | None = None
    query: str | None = None
    user_agent: str | None = None
    properties: JsonObject | None = None
    schema_version: Version = 1

    def __post_init__(self) -> None:
        """Check what types alone cannot say."""
        require_identity(self.user_id, self.anonymous_id)
        require_plausible("occurred_at", self.occurred_at, self.received_at)
