"""What may be shown where, as data: `rules.toml`, read and checked (docs/rules.md)."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec

from revealed.durable import canonical_json
from revealed.errors import InvalidInputError
from revealed.settings import Settings

# The sources of places that are pinned, and drawn. They have no score of their own: each is worth what stands before it.
PIN, DISCOVERY = "pin", "discovery"
UNSCORED = (DISCOVERY, PIN)
Field = Literal["item", "topic", "format", "author"]
Whole = Annotated[int, msgspec.Meta(ge=1)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Filter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Items that may be shown by one of their fields: those that `allow` names, or all but those that `deny` names.

    An item without a value passes `deny` and fails `allow`.
    """

    field: Field
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    surface: str | None = None

    def __post_init__(self) -> None:
        """Refuse what says nothing, or two things."""
        if bool(self.allow) == bool(self.deny):
            raise ValueError("a filter needs `allow` or `deny`, and not both")

    def passes(self, value: str | None) -> bool:
        """Return whether an item with this value may be shown."""
        return value in self.allow if self.allow else value not in self.deny


class Cap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At most so many items of one author (topic, format) within the first places of a list."""

    field: Literal["author", "topic", "format"]
    most: Whole
    within: Whole


class Pin(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"first": "from", "last": "to"}):
    """An item at exactly this place, from a day to a day (UTC, both included), on a surface, in a topic, or everywhere."""

    item: str
    position: Whole
    surface: str | None = None
    topic: str | None = None
    first: date | None = None
    last: date | None = None

    def __post_init__(self) -> None:
        """Refuse a pin that is nowhere, or never."""
        if self.surface is not None and self.topic is not None:
            raise ValueError("a pin is on a surface or in a topic, not both")
        if self.first and self.last and self.first > self.last:
            raise ValueError(f"a pin's days end ({self.last}) before they begin ({self.first})")

    def is_active(self, day: date) -> bool:
        """Return whether the pin holds on this day."""
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)

    def clashes_with(self, other: Pin) -> bool:
        """Return whether both can be asked for in one list on one day, with the same place or the same item."""
        apart = (self.last and other.first and self.last < other.first) or (
            other.last and self.first and other.last < self.first
        )
        everywhere = {(self.surface, self.topic), (other.surface, other.topic)}
        meet = len(everywhere) == 1 or (None, None) in everywhere
        return meet and not apart and (self.position == other.position or self.item == other.item)


class AuditBounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Between which bounds a snapshot may differ from the one before, and what it must cover.

    Attributes:
        min_coverage: share of the items that could be listed which are on some list. Not asked of a champion that shows
            everybody the same on purpose (popularity).
        min_overlap: mean rank-biased overlap with the snapshot before, where model, rules and list length are the same.
        min_overlap_after_change: the same after one of them changed; 0 asks for nothing.
        max_users_lost: share of the users of the snapshot before who have no list any more.
    """

    min_coverage: Share = 0.001
    min_overlap: Share = 0.05
    min_overlap_after_change: Share = 0.0
    max_users_lost: Share = 0.5


class Discovery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much of a list is drawn from the whole catalogue (revealed.publishing.discovery).

    Attributes:
        every: one place in so many; 0: none.
    """

    every: Annotated[int, msgspec.Meta(ge=0)] = 10

    def __post_init__(self) -> None:
        """Refuse lists of nothing else."""
        if self.every == 1:
            raise ValueError("`every` is 0 (no place is drawn), or 2 and more (one place in so many)")


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. `exploration` is serving's own section, kept as it is (revealed.exploration)."""

    filters: tuple[Filter, ...] = ()
    caps: tuple[Cap, ...] = ()
    pins: tuple[Pin, ...] = ()
    discovery: Discovery = Discovery()
    audit: AuditBounds = AuditBounds()
    exploration: dict[str, Any] = {}

    def __post_init__(self) -> None:
        """Refuse pins that cannot both be followed."""
        for at, pin in enumerate(self.pins):
            for other in self.pins[:at]:
                if pin.clashes_with(other):
                    raise ValueError(
                        f"two pins ask for the same place or the same item: {other.item} at {other.position}"
                        f" and {pin.item} at {pin.position}"
                    )

    @property
    def digest(self) -> str:
        """SHA-256 of what lists follow from: filters, caps, pins and discovery. Bounds and exploration change no list."""
        shown = {
            "filters": self.filters,
            "caps": self.caps,
            "pins": self.pins,
            "discovery": self.discovery,
        }
        return hashlib.sha256(canonical_json(msgspec.to_builtins(shown))).hexdigest()

    def filters_on(self, surface: str | None) -> tuple[Filter, ...]:
        """Return the filters that hold on a surface: its own and those without one; of None only the latter."""
        return tuple(rule for rule in self.filters if rule.surface in (None, surface))

    def allows(self, item: Mapping[str, str | None], surface: str | None = None) -> bool:
        """Return whether an item may be shown on a surface (None: anywhere).

        Args:
            item: its `item_id`, `topic`, `format` and `author`, as in a snapshot's `items.parquet`.
            surface: where.
        """
        return all(
            rule.passes(item.get("item_id" if rule.field == "item" else rule.field))
            for rule in self.filters_on(surface)
        )

    def pins_on(self, day: date, *, surface: str | None = None, topic: str | None = None) -> tuple[Pin, ...]:
        """Return the pins that hold on a day in lists of a surface or a topic, by place; those of everywhere included."""
        wanted = {(None, None), (surface, None), (None, topic)}
        found = [pin for pin in self.pins if pin.is_active(day) and (pin.surface, pin.topic) in wanted]
        return tuple(sorted(found, key=lambda pin: pin.position))


def read_rules(settings: Settings) -> Rules:
    """Return the rules of `REVEALED_HOME/rules.toml`; without the file, the defaults: nothing filtered, capped or pinned.

    Raises:
        InvalidInputError: the file is not TOML, or says what no rule can mean; the message names the place.
    """
    path = settings.rules
    try:
        parsed = tomllib.loads(path.read_text())
        return msgspec.convert(parsed, Rules)
    except FileNotFoundError:
        return Rules()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise InvalidInputError(
            f"these rules cannot be followed: {error}",
            where=str(path),
            remedy="correct the file (docs/rules.md says what it may hold); what is in service stays",
        ) from error


def day_of(as_of: datetime) -> date:
    """Return the day by which a snapshot's pins are chosen: the data's own, so that no clock decides what is shown."""
    return as_of.date()
