"""The catalogue and the users: slowly changing, one row for each version of a thing."""

from __future__ import annotations

import msgspec

from revealed.contracts.fields import (
    Embedding,
    Identifier,
    Instant,
    JsonObject,
    Version,
    require_plausible,
)


class Item(msgspec.Struct, kw_only=True, gc=False):
    """One version of a catalogue item, valid from `updated_at`. Unlisted keys are not kept.

    `price` is in the shop's currency, `expected_dwell_s` in seconds.
    """

    item_id: Identifier
    title: str | None = None
    text: str | None = None
    topic: str | None = None
    format: str | None = None
    framing: str | None = None
    author: str | None = None
    published_at: Instant | None = None
    price: float | None = None
    expected_dwell_s: float | None = None
    embedding: Embedding | None = None
    is_available: bool | None = None
    updated_at: Instant | None = None
    received_at: Instant | None = None
    schema_version: Version = 1

    def __post_init__(self) -> None:
        """Check what types alone cannot say."""
        require_plausible("updated_at", self.updated_at, self.received_at)


class User(msgspec.Struct, kw_only=True, gc=False):
    """One version of a user, valid from `updated_at`. Unlisted keys are kept in `attributes`."""

    user_id: Identifier
    attributes: JsonObject | None = None
    first_seen_at: Instant | None = None
    updated_at: Instant | None = None
    received_at: Instant | None = None
    schema_version: Version = 1

    def __post_init__(self) -> None:
        """Check what types alone cannot say."""
        require_plausible("updated_at", self.updated_at, self.received_at)
