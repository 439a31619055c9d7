"""The field types that the contracts share, and the checks that JSON Schema cannot express."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from msgspec import Meta

from revealed.contracts.rejection import Rejected, RejectionReason

LARGEST_BIGINT = 2**63 - 1
LARGEST_INTEGER = 2**31 - 1
LARGEST_FLOAT = 3.4e38
EARLIEST_YEAR = 2000
LATEST_YEAR = 2100
CLOCK_SKEW = timedelta(minutes=5)

Identifier = Annotated[str, Meta(min_length=1, max_length=256)]
Instant = Annotated[datetime, Meta(tz=True)]
Count = Annotated[int, Meta(ge=0, le=LARGEST_BIGINT)]
Position = Annotated[int, Meta(ge=1, le=LARGEST_INTEGER)]
Version = Annotated[int, Meta(ge=1, le=LARGEST_INTEGER)]
Fraction = Annotated[float, Meta(ge=0.0, le=1.0)]
Propensity = Annotated[float, Meta(gt=0.0, le=1.0)]
JsonObject = dict[str, Any]
Embedding = Annotated[list[Annotated[float, Meta(ge=-LARGEST_FLOAT, le=LARGEST_FLOAT)]], Meta(min_length=1)]


def require_identity(user_id: str | None, anonymous_id: str | None) -> None:
    """Refuse a line that nobody can be held to have caused.

    Raises:
        Rejected: `no_identity`.
    """
    if user_id is None and anonymous_id is None:
        raise Rejected(RejectionReason.NO_IDENTITY, "neither `user_id` nor `anonymous_id` is set")


def require_plausible(name: str, moment: datetime | None, received_at: datetime | None) -> None:
    """Refuse a moment outside 2000 to 2100, or over five minutes (clock skew) after the line was received.

    Raises:
        Rejected: `bad_timestamp` or `occurred_after_received`.
    """
    if moment is None:
        return
    require_year(name, moment)
    if received_at is None:
        return
    require_year("received_at", received_at)
    if moment - received_at > CLOCK_SKEW:
        detail = f"`{name}` {moment.isoformat()} is after `received_at` {received_at.isoformat()}"
        raise Rejected(RejectionReason.OCCURRED_AFTER_RECEIVED, detail)


def require_year(name: str, moment: datetime) -> None:
    """Refuse a moment outside 2000 to 2100.

    Raises:
        Rejected: `bad_timestamp`.
    """
    if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        detail = f"`{name}` {moment.isoformat()} is not between {EARLIEST_YEAR} and {LATEST_YEAR}"
        raise Rejected(RejectionReason.BAD_TIMESTAMP, detail)
