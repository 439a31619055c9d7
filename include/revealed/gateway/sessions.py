"""What people said a moment ago, which the published snapshot cannot know yet: skips, hides, not interested, undone or not."""

from __future__ import annotations

from datetime import datetime

from revealed.contracts import Event

NOTED = frozenset({"skip", "hide", "not_interested", "undo"})


class Sessions:
    """Which items are gone for whom. Bounded memory."""

    def __init__(self) -> None:
        self._items: dict[tuple[bool, str], set[str]] = {}

    def note(self, event: Event, now: datetime) -> None:
        """Take an accepted event into account; events of other types than `NOTED` change nothing."""
        if event.event_type not in NOTED or event.item_id is None:
            return
        for is_anonymous, person in ((False, event.user_id), (True, event.anonymous_id)):
            if person is not None:
                self._items.setdefault((is_anonymous, person), set()).add(event.item_id)

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
        return set(self._items.get((is_anonymous, person), ()))
