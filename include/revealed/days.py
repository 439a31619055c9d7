"""Days and moments in UTC: how a person writes one, and the moment at which a day is over."""

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


def parse_moment(text: str, *, where: str) -> datetime:
    """Return the moment that `text` names, UTC and zone-aware: a day is its beginning, no offset is UTC.

    Raises:
        UsageError: it is no moment; the message says `where` it was given.
    """
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{text!r} is not a moment", where=where, remedy="write it as YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ"
        ) from None


def as_of_end_of(day: date) -> datetime:
    """Return the moment at which `day` is over, UTC: the as-of of a build through that day."""
    return datetime.combine(day, datetime.min.time(), UTC) + timedelta(days=1)
