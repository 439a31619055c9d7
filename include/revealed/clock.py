"""The edge: the only place that reads the wall clock."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the present moment, in UTC and zone-aware. For timestamps of record only, never for logic."""
    return datetime.now(UTC)
