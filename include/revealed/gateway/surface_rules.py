"""What rules say of one surface, applied to a user's list, which was made for all: its filters, and its pins."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from revealed.publishing.opened import OpenSnapshot, RankedList
from revealed.publishing.rules import PIN, Rules, day_of


def on_surface(
    listed: RankedList, snapshot: OpenSnapshot, rules: Rules, surface: str, *, gone: set[str], k: int
) -> RankedList:
    """Return a list as it may be shown on a surface.

    What the surface's filters refuse is taken out; what is pinned there within the first `k` positions is pinned, unless
    the person must not be shown it, or nobody may be.

    Args:
        listed: without what is `gone`; the rules of everywhere have been followed.
        snapshot: where it is from; its own day decides which pins hold.
        rules: the rules in service.
        surface: where it will be shown.
        gone: items that this person must not be shown.
        k: how many will be shown.
    """
    filters = [rule for rule in rules.filters if rule.surface == surface]
    if filters:
        items = snapshot.items
        refused = {item for item in listed.item_ids if not rules.allows(items.fields(item), surface)}
        listed = listed.without(refused)
    day = day_of(datetime.fromisoformat(snapshot.manifest.as_of))
    for pin in rules.pins_on(day, surface=surface):
        is_ours = pin.surface == surface and pin.position <= k and pin.item not in gone
        may_be = snapshot.items.may_be_shown(pin.item)
        if is_ours and may_be and rules.allows(snapshot.items.fields(pin.item), surface):
            listed = _with_pin(listed, pin.item, pin.position - 1)
    return listed


def _with_pin(listed: RankedList, item: str, position: int) -> RankedList:
    """Return a list in which an item is pinned, which may be in it already."""
    if item in listed.item_ids:
        place = listed.item_ids.index(item)
        sources = [PIN if at == place else source for at, source in enumerate(listed.sources)]
        return RankedList(
            listed.item_ids, listed.scores, listed.utilities, sources, listed.pinned | {position: place}
        )
    last = listed.utilities[-1] if len(listed) else 0.0
    return RankedList(
        [*listed.item_ids, item],
        np.append(listed.scores, 0.0),
        np.append(listed.utilities, last),
        [*listed.sources, PIN],
        listed.pinned | {position: len(listed)},
    )
