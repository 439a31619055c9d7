"""Lines that come late, and what is known before and after: things taken back, and who a visitor was.

The cancel before its purchase, the return by somebody else, the guess that has to give way; and a login that is heard of a
day later. All of it is known on the 5th, the early lines alone on the 3rd.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

EARLY, LATE = datetime(2026, 1, 3, tzinfo=UTC), datetime(2026, 1, 5, tzinfo=UTC)
LATE_ARRIVAL = "2026-01-04T08:00:00Z"


def event(name: str, kind: str, at: str, who: str, item: str | None, **says: Any) -> dict[str, Any]:
    person = {"anonymous_id": who} if who.startswith("visitor") else {"user_id": who}
    moment = f"2026-01-{at}:00Z"
    line = {
        "event_id": name,
        "event_type": kind,
        "occurred_at": moment,
        "received_at": moment,
        "item_id": item,
    }
    return {key: value for key, value in (line | person | says).items() if value is not None}


def showing(request: str, who: str, *items: str) -> dict[str, Any]:
    person = {"anonymous_id": who} if who.startswith("visitor") else {"user_id": who}
    moment = "2026-01-01T08:00:00Z"
    shown = [{"item_id": item, "position": n} for n, item in enumerate(items, start=1)]
    model = {"surface": "home", "model_name": "m", "model_version": "1", "policy": "p"}
    return {
        "request_id": request,
        "occurred_at": moment,
        "received_at": moment,
        "items": shown,
        **person,
        **model,
    }


SHOWINGS = [
    showing("q-ann", "ann", "i1", "i4"),
    showing("q-cat", "cat", "i1", "i2"),
    showing("q-visitor", "visitor-1", "i2"),
    showing("q-eve", "eve", "i3"),
    showing("q-fay", "fay", "i3"),
    showing("q-hal", "hal", "i1"),
    showing("shown-to-phone", "visitor-phone", "i1", "i2"),
]

KNOWN_EARLY = [
    # The desk cancels cat's order, and bob returns what ann bought: both arrive before the purchases do.
    event("cancel-order", "cancel", "02T10:00", "desk", None, order_id="order-cat"),
    event("return-named", "return", "02T10:00", "bob", "i1", reverses_event_id="buy-ann", quantity=1),
    event("buy-ann-too", "purchase", "01T08:30", "ann", "i1", quantity=1, value=10.0),
    event("return-ann", "return", "02T12:00", "ann", "i1", quantity=2),
    # Dan takes back what he saved before anybody knew that the visitor was he.
    event("save-visitor", "save", "01T09:00", "visitor-1", "i2"),
    event("unsave-dan", "unsave", "02T11:00", "dan", "i2"),
    # A guess that has to give way, since a late line names what it took.
    event("save-eve-1", "save", "01T09:00", "eve", "i3"),
    event("save-eve-2", "save", "01T10:00", "eve", "i3"),
    event("unsave-eve", "unsave", "02T09:00", "eve", "i3"),
    # Nobody touches fay.
    event("save-fay", "save", "01T09:00", "fay", "i3"),
    event("unsave-fay", "unsave", "02T09:00", "fay", "i3"),
    # Hal's return happens early and is heard of late.
    event("buy-hal", "purchase", "01T09:00", "hal", "i1", order_id="order-hal", value=15.0),
]

KNOWN_LATE = [
    event("buy-cat-1", "purchase", "01T09:00", "cat", "i1", order_id="order-cat", value=10.0),
    event("buy-cat-2", "purchase", "01T09:00", "cat", "i2", order_id="order-cat", value=20.0, quantity=2),
    event("buy-ann", "purchase", "01T09:00", "ann", "i1", quantity=2, value=20.0),
    event("login-dan", "identify", "02T12:00", "dan", None, anonymous_id="visitor-1"),
    event("unsave-eve-named", "unsave", "02T10:00", "eve", "i3", reverses_event_id="save-eve-2"),
    event("return-hal", "return", "02T10:00", "hal", "i1", order_id="order-hal", value=5.0),
    event("click-gil", "click", "03T10:00", "gil", "i4"),
]

IDENTITIES = [
    event("before-login", "click", "01T10:00", "visitor-phone", "i1", request_id="shown-to-phone"),
    event("on-shared", "click", "01T11:00", "visitor-tablet", "i1"),
    # The login happened on day 2; the collector heard of it on day 3.
    event("login", "identify", "02T10:00", "amy", None, anonymous_id="visitor-phone")
    | {"received_at": "2026-01-03T09:00:00Z"},
    event("ben-on-tablet", "identify", "02T10:00", "ben", None, anonymous_id="visitor-tablet"),
    event("cleo-on-tablet", "identify", "02T20:00", "cleo", None, anonymous_id="visitor-tablet"),
    event("buys-at-home", "purchase", "02T12:00", "amy", "i2"),
]

TAKEN_EARLY = {
    ("cancel-order", None, "desk", 1.0),
    ("return-named", None, "bob", 1.0),
    ("return-ann", "buy-ann-too", "ann", 1.0),
    ("return-ann", None, "ann", 0.5),
    ("unsave-dan", None, "dan", 1.0),
    ("unsave-eve", "save-eve-2", "eve", 1.0),
    ("unsave-fay", "save-fay", "fay", 1.0),
}

TAKEN_LATE = {
    ("cancel-order", "buy-cat-1", "cat", 1.0),
    ("cancel-order", "buy-cat-2", "cat", 1.0),
    ("return-named", "buy-ann", "ann", 0.5),
    # Bob's return names one of the two pieces of the newer purchase: the other one and the older purchase are left.
    ("return-ann", "buy-ann", "ann", 0.5),
    ("return-ann", "buy-ann-too", "ann", 1.0),
    ("unsave-dan", "save-visitor", "dan", 1.0),
    ("unsave-eve", "save-eve-1", "eve", 1.0),
    ("unsave-eve-named", "save-eve-2", "eve", 1.0),
    ("unsave-fay", "save-fay", "fay", 1.0),
    ("return-hal", "buy-hal", "hal", 0.333333333),
}


TOUCHED = ["buy-ann", "buy-cat-1", "buy-cat-2", "buy-hal", "save-eve-1", "save-eve-2", "save-visitor"]
