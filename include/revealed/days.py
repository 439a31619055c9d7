"""Days in UTC: how a person writes one, and the moment at which it is over."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from revealed.errors import UsageError


def parse_day(text: str, *, where: str) -> date:
    """Return the day that `text` names.

    Raises:
        UsageError: it is no day; the message says `where` it was given.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a day", where=where, remedy="write it as YYYY-MM-DD") from None


def as_of_end_of(day: date) -> datetime:
    """Return the moment at which `day` is over, UTC: the as-of of a build through that day."""
    return datetime.combine(day, datetime.min.time(), UTC) + timedelta(days=1)
