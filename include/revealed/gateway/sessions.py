"""What people said a moment ago, which the published snapshot cannot know yet: skips, hides, not interested, undone or not.

A skip holds in its session. A hide, and "not interested", hold beyond it: they are journaled (`Note`), and taken up again
at the next start; by the time they are dropped here, the warehouse has long known them. People stand here, in memory and on
disk, as digests of their ids.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from datetime import datetime, timedelta

import msgspec

from revealed.contracts import Event

LASTING = frozenset({"hide", "not_interested"})
NOTED = LASTING | {"skip", "undo"}
_SKIP_HOLDS = timedelta(hours=12)
_HIDE_HOLDS = timedelta(days=30)
_MOST_PEOPLE = 200_000
_MOST_ITEMS = 1_000


class Note(msgspec.Struct, omit_defaults=True):
    """One lasting statement, as it is journaled.

    Attributes:
        person: digest of the user id or the anonymous id.
        item_id: what it is about; None in an undo that names an event.
        at: when the gateway took it, UTC.
        event_id: digest of the event's id, for an undo to name.
        is_undone: it takes back what stands about this item, or by this event.
    """

    person: str
    item_id: str | None
    at: datetime
    event_id: str = ""
    is_undone: bool = False


class _Standing(msgspec.Struct):
    """A statement that stands: until when, in which session (None: in all), by which event."""

    until: datetime
    session: str | None
    event_id: str


class Sessions:
    """Which items are gone for whom. Bounded: who said nothing for longest is forgotten first."""

    def __init__(self, most_people: int = _MOST_PEOPLE) -> None:
        self._most_people = most_people
        self._people: OrderedDict[str, OrderedDict[str, _Standing]] = OrderedDict()

    def note(self, event: Event, now: datetime) -> list[Note]:
        """Take an accepted event into account at once; events of types other than `NOTED` change nothing.

        Returns:
            What has to be journaled for the next start to know it.
        """
        if event.event_type not in NOTED:
            return []
        is_undo = event.event_type == "undo"
        named = event.reverses_event_id if is_undo else event.event_id
        notes = []
        for person in _people_of(event):
            note = Note(person, event.item_id, now, _digest(named) if named else "", is_undo)
            if event.event_type == "skip":
                self._stand(note, now + _SKIP_HOLDS, _digest(event.session_id or ""))
            else:
                self.take(note)
                notes.append(note)
        return notes

    def take(self, note: Note) -> None:
        """Take a lasting statement, or an undo, into account."""
        if note.is_undone:
            self._take_back(note)
        else:
            self._stand(note, note.at + _HIDE_HOLDS, None)

    def excluded(
        self, person: str, session_id: str | None, now: datetime, *, is_anonymous: bool = False
    ) -> set[str]:
        """Return the items that this person must not be shown now.

        Args:
            person: a user id, or an anonymous id.
            session_id: the session that asks, if it says so: what was skipped in it is gone, too.
            now: the present moment, UTC.
            is_anonymous: `person` is an anonymous id.
        """
        standing = self._people.get(person_digest(person, is_anonymous=is_anonymous))
        if not standing:
            return set()
        session = _digest(session_id or "")
        return {
            item
            for item, statement in standing.items()
            if now < statement.until and statement.session in (None, session)
        }

    def _stand(self, note: Note, until: datetime, session: str | None) -> None:
        if note.item_id is None:
            return
        standing = self._people.setdefault(note.person, OrderedDict())
        before = standing.get(note.item_id)
        if session is not None and before is not None and before.session is None:
            return  # hidden already: a skip does not shorten that
        standing[note.item_id] = _Standing(until, session, note.event_id)
        standing.move_to_end(note.item_id)
        self._people.move_to_end(note.person)
        if len(standing) > _MOST_ITEMS:
            standing.popitem(last=False)
        if len(self._people) > self._most_people:
            self._people.popitem(last=False)

    def _take_back(self, note: Note) -> None:
        standing = self._people.get(note.person)
        if standing is None:
            return
        gone = [
            item
            for item, statement in standing.items()
            if (statement.event_id == note.event_id if note.event_id else item == note.item_id)
        ]
        for item in gone:
            del standing[item]


def person_digest(person: str, *, is_anonymous: bool = False) -> str:
    """Return what stands for a person here: a digest of the id and of which kind it is."""
    return _digest(f"{'anonymous' if is_anonymous else 'user'}\0{person}")


def _people_of(event: Event) -> list[str]:
    people = []
    if event.user_id is not None:
        people.append(person_digest(event.user_id))
    if event.anonymous_id is not None:
        people.append(person_digest(event.anonymous_id, is_anonymous=True))
    return people


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
