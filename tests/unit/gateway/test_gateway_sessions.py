"""What somebody said a moment ago is gone from the next list, for them, for as long as it holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from gateway_client import event

from revealed.contracts import Event
from revealed.gateway.sessions import Note, Sessions

NOW = datetime(2026, 5, 1, 8, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def said(kind: str, item: str | None = "a-1", **fields: Any) -> Event:
    values = {"event_id": f"{kind}-{item}", "event_type": kind, "item_id": item} | fields
    return msgspec.convert(event() | values, Event)


def test_a_skip_holds_in_its_session() -> None:
    sessions = Sessions()
    assert sessions.note(said("skip", session_id="s-1"), NOW) == []
    assert sessions.excluded("u-1", "s-1", LATER) == {"a-1"}
    assert sessions.excluded("u-1", "s-2", LATER) == set()
    assert sessions.excluded("u-1", None, LATER) == set()
    assert sessions.excluded("u-2", "s-1", LATER) == set()
    assert sessions.excluded("u-1", "s-1", NOW + timedelta(hours=13)) == set()


def test_hides_and_no_interest_hold_beyond_the_session() -> None:
    sessions = Sessions()
    for kind, item in (("hide", "a-1"), ("not_interested", "a-2"), ("click", "a-3"), ("skip", "a-1")):
        sessions.note(said(kind, item, session_id="s-1"), NOW)
    assert sessions.excluded("u-1", "s-9", NOW + timedelta(days=29)) == {"a-1", "a-2"}
    assert sessions.excluded("u-1", None, NOW + timedelta(days=31)) == set()


def test_people_are_kept_apart_by_kind_of_id() -> None:
    sessions = Sessions()
    sessions.note(said("hide", user_id=None, anonymous_id="u-1"), NOW)
    assert sessions.excluded("u-1", None, LATER) == set()
    assert sessions.excluded("u-1", None, LATER, is_anonymous=True) == {"a-1"}
    sessions.note(said("hide", "a-2", anonymous_id="x"), NOW)
    assert sessions.excluded("u-1", None, LATER) == {"a-2"}
    assert sessions.excluded("x", None, LATER, is_anonymous=True) == {"a-2"}


def test_an_undo_takes_back_what_it_names() -> None:
    sessions = Sessions()
    for kind, item in (("hide", "a-1"), ("hide", "a-2"), ("skip", "a-3")):
        sessions.note(said(kind, item, session_id="s"), NOW)
    sessions.note(said("undo", None, event_id="z-1", reverses_event_id="hide-a-1"), NOW)
    assert sessions.excluded("u-1", "s", LATER) == {"a-2", "a-3"}
    sessions.note(said("undo", "a-3", event_id="z-2"), NOW)
    assert sessions.excluded("u-1", "s", LATER) == {"a-2"}
    for nothing in (said("undo", None), said("undo", None, reverses_event_id="other"), said("hide", None)):
        sessions.note(nothing, NOW)
    sessions.note(said("undo", "a-2", user_id="u-2"), NOW)
    assert sessions.excluded("u-1", "s", LATER) == {"a-2"}


def test_notes_say_it_again_after_a_restart_without_naming_anybody() -> None:
    before, after = Sessions(), Sessions()
    happened = [
        said("hide", "a-1"),
        said("not_interested", "a-2", anonymous_id="x"),
        said("skip", "a-3", session_id="s"),
        said("undo", None, event_id="z", reverses_event_id="hide-a-1"),
    ]
    lines = [msgspec.json.encode(note) for one in happened for note in before.note(one, NOW)]
    assert len(lines) == 4
    assert not any(word in line for line in lines for word in (b"u-1", b'"x"', b"hide-a-1"))
    for line in lines:
        after.take(msgspec.json.decode(line, type=Note))
    assert before.excluded("u-1", "s", LATER) == {"a-2", "a-3"}
    assert after.excluded("u-1", "s", LATER) == {"a-2"}
    assert after.excluded("x", None, LATER, is_anonymous=True) == {"a-2"}


def test_memory_is_bounded_and_the_latest_are_kept() -> None:
    sessions = Sessions(most_people=100)
    for number in range(1_000):
        sessions.note(said("hide", user_id=f"u-{number}"), NOW)
    held = [number for number in range(1_000) if sessions.excluded(f"u-{number}", None, LATER)]
    assert held == list(range(900, 1_000))
    for number in range(2_000):
        sessions.note(said("hide", f"a-{number}", user_id="busy"), NOW)
    assert sessions.excluded("busy", None, LATER) == {f"a-{number}" for number in range(1_000, 2_000)}
