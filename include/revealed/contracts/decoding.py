"""From bytes, or from a Parquet row, to a typed row or one reason for refusing it.

msgspec is the only parser: parsers differ about NaN, large numbers and duplicate keys, and one judge cannot
disagree with itself. Well-formed lines pay for one decode; only odd lines are looked at again.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar

import msgspec

from revealed.contracts.logs import LOGS, Log, log_named
from revealed.contracts.rejection import Rejected, RejectionReason

Row = msgspec.Struct
_Decoded = TypeVar("_Decoded")

MAX_LINE_BYTES = 65_536
MAX_NESTING = 500
_FEW = MAX_NESTING // 2
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_ESCAPED_NUL = b"\\u0000"
_UNLISTED = "Object contains unknown field"
_REASON_BY_MESSAGE: tuple[tuple[re.Pattern[str], RejectionReason], ...] = tuple(
    (re.compile(pattern), reason)
    for pattern, reason in (
        (r"^Object missing required field", RejectionReason.MISSING_FIELD),
        (r"got `null` - at", RejectionReason.MISSING_FIELD),
        (r"^Expected `object`, got `[^`]*`$", RejectionReason.NOT_AN_OBJECT),
        (r"^Invalid RFC3339|^Expected `datetime|datetime", RejectionReason.BAD_TIMESTAMP),
        (r"^Invalid enum value", RejectionReason.UNKNOWN_EVENT_TYPE),
        (r"^Expected `\w+` (of length|[<>]=?) |[Oo]ut of range", RejectionReason.OUT_OF_RANGE),
        (r"^Expected ", RejectionReason.WRONG_TYPE),
    )
)


def _refusing_unlisted(struct: type[Row]) -> type[Row]:
    return msgspec.defstruct(
        f"_Exact{struct.__name__}", [], bases=(struct,), kw_only=True, gc=False, forbid_unknown_fields=True
    )


_EXACT = {name: _refusing_unlisted(log.struct) for name, log in LOGS.items()}
_EXACT_DECODERS = {name: msgspec.json.Decoder(struct) for name, struct in _EXACT.items()}
_DECODERS = {name: msgspec.json.Decoder(log.struct) for name, log in LOGS.items()}


def decode_line(log: str, line: bytes) -> Row:
    """Return one line of `log`, typed (an `Event`, `Inference`, `Item` or `User`).

    Raises:
        Rejected: the line does not keep the contract; nothing else is ever raised for any bytes.
        UnknownFormatError: there is no such log.
    """
    return line_decoder(log)(line)


@cache
def line_decoder(log: str) -> Callable[[bytes], Row]:
    """Return `decode_line` for one log, for loops: a well-formed line costs little more than its decoding.

    Raises:
        UnknownFormatError: there is no such log.
    """
    definition = log_named(log)
    decode = _EXACT_DECODERS[log].decode

    def decode_one(line: bytes) -> Row:
        if (
            len(line) <= MAX_LINE_BYTES
            and _ESCAPED_NUL not in line
            and line.count(b"{") <= _FEW > line.count(b"[")
        ):
            try:
                return decode(line)
            except (ValueError, RecursionError, Rejected):  # looked at again, with care, for the reason
                pass
        return _guarded(line, lambda: _decode(definition, line))

    return decode_one


def decode_object(line: bytes) -> dict[str, Any]:
    """Return one line's values untyped, for a mapping to rename before `convert_row` types them.

    Raises:
        Rejected: the line is not a JSON object; nothing else is ever raised for any bytes.
    """
    values: dict[str, Any] = _guarded(line, lambda: msgspec.json.decode(line, type=dict[str, Any]))
    return values


def convert_row(log: str, values: dict[str, Any]) -> Row:
    """Return one row of foreign values (a Parquet row), typed by the rules of `decode_line`.

    Nulls count as absent, naive times as UTC, and text in an object field as the object's JSON.

    Raises:
        Rejected: the row does not keep the contract.
        UnknownFormatError: there is no such log.
    """
    definition = log_named(log)
    present = {name: value for name, value in values.items() if value is not None}
    try:
        _read_object_text(definition, present)
        _refuse_odd_values(present)
        return msgspec.convert(_with_unlisted(definition, _in_utc(present)), definition.struct)
    except Rejected:
        raise
    except RecursionError:
        raise Rejected(RejectionReason.NESTED_TOO_DEEPLY, "the objects are nested too deeply") from None
    except msgspec.ValidationError as error:
        raise _classified(error) from None
    except ValueError as error:
        raise Rejected(RejectionReason.WRONG_TYPE, str(error)) from None


def _guarded(line: bytes, decode: Callable[[], _Decoded]) -> _Decoded:
    if len(line) > MAX_LINE_BYTES:
        raise Rejected(RejectionReason.LINE_TOO_LONG, f"{len(line):,} bytes, at most {MAX_LINE_BYTES:,}")
    try:
        decoded = decode()
        if _ESCAPED_NUL in line:
            _refuse_odd_values(msgspec.json.decode(line))
        if _brackets(line) > MAX_NESTING:
            _refuse_deep(msgspec.json.decode(line))
    except UnicodeDecodeError as error:
        raise Rejected(RejectionReason.NOT_UTF8, str(error)) from None
    except RecursionError:
        raise Rejected(RejectionReason.NESTED_TOO_DEEPLY, "the objects are nested too deeply") from None
    except msgspec.ValidationError as error:
        raise _classified(error) from None
    except ValueError as error:
        raise Rejected(RejectionReason.MALFORMED_JSON, _malformed_detail(line, error)) from None
    return decoded


def _decode(log: Log, line: bytes) -> Row:
    try:
        return _EXACT_DECODERS[log.name].decode(line)
    except msgspec.ValidationError as error:
        if not str(error).startswith(_UNLISTED):
            raise
    row: Row = _DECODERS[log.name].decode(line)
    if log.unlisted is not None:
        values: dict[str, Any] = msgspec.json.decode(line)
        setattr(row, log.unlisted, _with_unlisted(log, values)[log.unlisted])
    return row


def _with_unlisted(log: Log, values: dict[str, Any]) -> dict[str, Any]:
    """Return `values` with the unlisted keys moved into the log's object field."""
    unlisted = {name: value for name, value in values.items() if name not in log.fields}
    listed = {name: value for name, value in values.items() if name in log.fields}
    if unlisted and log.unlisted is not None:
        listed[log.unlisted] = unlisted | (values.get(log.unlisted) or {})
    return listed


def _read_object_text(log: Log, values: dict[str, Any]) -> None:
    text = values.get(log.unlisted) if log.unlisted else None
    if isinstance(text, str):
        values[str(log.unlisted)] = msgspec.json.decode(text, type=dict[str, Any])


def _in_utc(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value
        for name, value in values.items()
    }


def _refuse_odd_values(values: object) -> None:
    """Refuse what types let through: NUL in a string, and numbers that are not finite."""
    for value in _leaves(values):
        if isinstance(value, str) and "\0" in value:
            raise Rejected(RejectionReason.NUL_CHARACTER, "a string holds the NUL character")
        if isinstance(value, float) and not math.isfinite(value):
            raise Rejected(RejectionReason.OUT_OF_RANGE, f"{value} is not a finite number")


def _brackets(line: bytes) -> int:
    return line.count(b"{") + line.count(b"[")


def _refuse_deep(values: object) -> None:
    """Refuse more than `MAX_NESTING` levels: without a limit of ours, the depth of the caller's stack would be the limit."""
    level = [values]
    for _ in range(MAX_NESTING):
        level = [part for value in level for part in _parts(value)]
    if any(isinstance(value, dict | list) for value in level):
        raise Rejected(RejectionReason.NESTED_TOO_DEEPLY, f"more than {MAX_NESTING} levels")


def _parts(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        yield from (leaf for pair in value.items() for part in pair for leaf in _leaves(part))
    elif isinstance(value, list):
        yield from (leaf for part in value for leaf in _leaves(part))
    else:
        yield value


def _classified(error: msgspec.ValidationError) -> Rejected:
    message = str(error)
    for pattern, reason in _REASON_BY_MESSAGE:
        if pattern.search(message):
            return Rejected(reason, message)
    return Rejected(RejectionReason.WRONG_TYPE, message)


def _malformed_detail(line: bytes, error: ValueError) -> str:
    if line.startswith(_BYTE_ORDER_MARKS):
        return "the line begins with a byte order mark"
    return str(error)
