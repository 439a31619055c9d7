"""How a person may write a moment, and what it then is."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from revealed.days import as_of_end_of, parse_day, parse_moment
from revealed.errors import UsageError


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-15", datetime(2026, 1, 15, tzinfo=UTC)),
        ("2026-01-15T12:30:00", datetime(2026, 1, 15, 12, 30, tzinfo=UTC)),
        ("2026-01-15T12:30:00Z", datetime(2026, 1, 15, 12, 30, tzinfo=UTC)),
        ("2026-01-15 00:30:00.250+02:00", datetime(2026, 1, 14, 22, 30, 0, 250_000, tzinfo=UTC)),
    ],
)
def test_a_moment_is_in_utc(text: str, moment: datetime) -> None:
    parsed = parse_moment(text, where="MOMENT")
    assert parsed == moment
    assert parsed.tzinfo is UTC


@pytest.mark.parametrize("text", ["", "banana", "2026-02-30", "15.01.2026", "0001-01-01T00:00:00+10:00"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="MOMENT"):
        parse_moment(text, where="MOMENT")


def test_a_day_is_over_when_the_next_begins() -> None:
    assert parse_day("2026-01-31", where="--through") == date(2026, 1, 31)
    assert as_of_end_of(date(2026, 1, 31)) == datetime(2026, 2, 1, tzinfo=UTC)
