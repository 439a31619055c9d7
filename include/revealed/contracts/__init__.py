"""What outside systems may send: two logs, a catalogue and users, each typed once.

`decode_line` (and for typed rows `convert_row`) is the only judge of foreign input.
"""

from __future__ import annotations

from revealed.contracts.catalogue import Item, User
from revealed.contracts.decoding import (
    MAX_LINE_BYTES,
    Row,
    convert_row,
    decode_line,
    decode_object,
    line_decoder,
)
from revealed.contracts.event import EVENT_TYPES, Event, EventType
from revealed.contracts.fields import CLOCK_SKEW, EARLIEST_YEAR, LATEST_YEAR
from revealed.contracts.inference import Inference, InferenceItem
from revealed.contracts.logs import LOGS, Log, log_named
from revealed.contracts.rejection import REMEDIES, Rejected, RejectionReason
from revealed.contracts.schema import export_schemas

__all__ = [
    "CLOCK_SKEW",
    "EARLIEST_YEAR",
    "EVENT_TYPES",
    "LATEST_YEAR",
    "LOGS",
    "MAX_LINE_BYTES",
    "REMEDIES",
    "Event",
    "EventType",
    "Inference",
    "InferenceItem",
    "Item",
    "Log",
    "Rejected",
    "RejectionReason",
    "Row",
    "User",
    "convert_row",
    "decode_line",
    "decode_object",
    "export_schemas",
    "line_decoder",
    "log_named",
]
