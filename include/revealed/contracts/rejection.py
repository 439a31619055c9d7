"""Why a line was refused: stable codes to count by, each with what to do about it."""

from __future__ import annotations

from enum import StrEnum

from revealed.errors import RevealedError


class RejectionReason(StrEnum):
    """The reason column of the quarantine. Codes are never renamed and never reused."""

    MALFORMED_JSON = "malformed_json"
    NOT_UTF8 = "not_utf8"
    NOT_AN_OBJECT = "not_an_object"
    NESTED_TOO_DEEPLY = "nested_too_deeply"
    LINE_TOO_LONG = "line_too_long"
    TRUNCATED_LAST_LINE = "truncated_last_line"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    UNKNOWN_EVENT_TYPE = "unknown_event_type"
    NO_IDENTITY = "no_identity"
    BAD_TIMESTAMP = "bad_timestamp"
    OCCURRED_AFTER_RECEIVED = "occurred_after_received"
    POSITIONS_NOT_CONTIGUOUS = "positions_not_contiguous"
    NUL_CHARACTER = "nul_character"
    CORRUPT_GZIP = "corrupt_gzip"
    CORRUPT_PARQUET = "corrupt_parquet"
    ERASED = "erased"


REMEDIES: dict[RejectionReason, str] = {
    RejectionReason.MALFORMED_JSON: "Send one whole JSON object a line, no byte order mark, NaN or Infinity.",
    RejectionReason.NOT_UTF8: "Write the file as UTF-8.",
    RejectionReason.NOT_AN_OBJECT: "Send a JSON object ({...}) on each line, not an array, string or number.",
    RejectionReason.NESTED_TOO_DEEPLY: "Flatten `properties`, `context` or `attributes`.",
    RejectionReason.LINE_TOO_LONG: "Keep each line within 65,536 bytes; leave page bodies out.",
    RejectionReason.TRUNCATED_LAST_LINE: "The writer stopped mid-line: send the line again, in a new file.",
    RejectionReason.MISSING_FIELD: "Send the field; the contract's JSON Schema lists which are required.",
    RejectionReason.WRONG_TYPE: "Send the type that the contract's JSON Schema names; nothing is coerced.",
    RejectionReason.OUT_OF_RANGE: "Send a value within the bounds that the contract's JSON Schema names.",
    RejectionReason.UNKNOWN_EVENT_TYPE: "Map the type onto one of the contract's, then send it again.",
    RejectionReason.NO_IDENTITY: "Send `user_id` or `anonymous_id`.",
    RejectionReason.BAD_TIMESTAMP: "Send RFC 3339 with an explicit zone and a year from 2000 to 2100.",
    RejectionReason.OCCURRED_AFTER_RECEIVED: "Set the sender's clock: dated over 5 minutes after arrival.",
    RejectionReason.POSITIONS_NOT_CONTIGUOUS: "Number the shown items 1, 2, 3, ... in the order of `items`.",
    RejectionReason.NUL_CHARACTER: "Take the NUL characters out of the strings.",
    RejectionReason.CORRUPT_GZIP: "Send the file again, whole; lines before the damage were kept.",
    RejectionReason.CORRUPT_PARQUET: "Write the file again; nothing of it was kept.",
    # Only the gateway answers with it. Landing counts such lines as `erased`; quarantine never sees them.
    RejectionReason.ERASED: "Send nothing of this person: they asked to be erased, and nothing of it is kept.",
}


class Rejected(RevealedError):  # noqa: N818 - a verdict on the sender's line, not a fault of ours
    """One line or row that does not keep the contract. Landing quarantines it; it never stops a file.

    Args:
        reason: the stable code.
        detail: what exactly was found, and where in the line.
    """

    code = "rejected"

    def __init__(self, reason: RejectionReason, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason.value}: {detail}", remedy=REMEDIES[reason])
