"""The four logs by name: which type, key, day and catch-all field each has."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from revealed.contracts.catalogue import Item, User
from revealed.contracts.event import Event
from revealed.contracts.inference import Inference
from revealed.errors import UnknownFormatError


@dataclass(frozen=True)
class Log:
    """What landing needs to know about one log.

    Attributes:
        name: the folder under `landing/` and `raw/`.
        schema_name: the stem of its JSON Schema file.
        struct: the contract.
        key: the columns under which repeated deliveries count once.
        day: the column whose UTC day a row belongs to.
        unlisted: the object field that keeps unlisted keys, if the contract has one.
    """

    name: str
    schema_name: str
    struct: type[msgspec.Struct]
    key: tuple[str, ...]
    day: str
    unlisted: str | None

    @property
    def fields(self) -> tuple[str, ...]:
        """The contract's field names, in the contract's order."""
        return self.struct.__struct_fields__


LOGS: dict[str, Log] = {
    log.name: log
    for log in (
        Log("events", "event", Event, ("event_id",), "occurred_at", "properties"),
        Log("inferences", "inference", Inference, ("request_id",), "occurred_at", "context"),
        Log("items", "item", Item, ("item_id", "updated_at"), "updated_at", None),
        Log("users", "user", User, ("user_id", "updated_at"), "updated_at", "attributes"),
    )
}


def log_named(name: str) -> Log:
    """Return the log called `name`.

    Raises:
        UnknownFormatError: there is no such log; the message lists those that there are.
    """
    if name not in LOGS:
        raise UnknownFormatError(f"{name!r} is not a log", remedy=f"use one of {', '.join(LOGS)}")
    return LOGS[name]
