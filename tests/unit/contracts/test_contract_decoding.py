"""What the contracts take, what they refuse, and that nothing but a refusal ever comes out."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revealed.contracts import (
    EVENT_TYPES,
    LOGS,
    MAX_LINE_BYTES,
    REMEDIES,
    Event,
    Rejected,
    RejectionReason,
    convert_row,
    decode_line,
    decode_object,
)
from revealed.errors import UnknownFormatError

EVENT: dict[str, Any] = {
    "event_id": "e1",
    "event_type": "click",
    "occurred_at": "2024-03-01T12:00:00Z",
    "user_id": "u1",
}
INFERENCE: dict[str, Any] = {
    "request_id": "r1",
    "occurred_at": "2024-03-01T12:00:00Z",
    "anonymous_id": "a1",
    "surface": "home",
    "model_name": "als",
    "model_version": "3",
    "policy": "greedy",
    "items": [{"item_id": "i1", "position": 1, "propensity": 0.5}, {"item_id": "i2", "position": 2}],
}
ITEM: dict[str, Any] = {"item_id": "i1"}
USER: dict[str, Any] = {"user_id": "u1"}
VALID = {"events": EVENT, "inferences": INFERENCE, "items": ITEM, "users": USER}
R = RejectionReason


def line(base: dict[str, Any], **changes: Any) -> bytes:
    return json.dumps({**base, **changes}).encode()


def without(base: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in base.items() if name not in names}


def reason_of(log: str, text: bytes) -> RejectionReason:
    with pytest.raises(Rejected) as caught:
        decode_line(log, text)
    assert caught.value.detail
    return caught.value.reason


@pytest.mark.parametrize("log", LOGS)
def test_smallest_valid_line_of_each_log(log: str) -> None:
    assert type(decode_line(log, line(VALID[log]))).__mro__[1] is LOGS[log].struct


@pytest.mark.parametrize("kind", sorted(EVENT_TYPES))
def test_every_event_type_of_the_design_is_taken(kind: str) -> None:
    event = decode_line("events", line(EVENT, event_type=kind))
    assert isinstance(event, Event)
    assert event.event_type == kind


REFUSED_EVENTS: list[tuple[str, bytes, RejectionReason]] = [
    ("cut short", line(EVENT)[:-5], R.MALFORMED_JSON),
    ("empty", b"", R.MALFORMED_JSON),
    ("two objects", line(EVENT) + b" {}", R.MALFORMED_JSON),
    ("byte order mark", b"\xef\xbb\xbf" + line(EVENT), R.MALFORMED_JSON),
    ("NaN", line(EVENT, value=math.nan), R.MALFORMED_JSON),
    ("Infinity", line(EVENT, value=math.inf), R.MALFORMED_JSON),
    ("raw control character", b'{"event_id":"a\x00b"}', R.MALFORMED_JSON),
    ("lone surrogate", line(EVENT, query="\ud800"), R.MALFORMED_JSON),
    ("not UTF-8", line(EVENT, query="Q").replace(b"Q", b"\xff\xfe"), R.NOT_UTF8),
    ("array", b"[1]", R.NOT_AN_OBJECT),
    ("string", b'"x"', R.NOT_AN_OBJECT),
    ("number", b"7", R.NOT_AN_OBJECT),
    ("null", b"null", R.NOT_AN_OBJECT),
    ("depth bomb", line(EVENT)[:-1] + b',"properties":{"a":' + b"[" * 5000 + b"]" * 5000 + b"}}",
     R.NESTED_TOO_DEEPLY),
    ("too long", line(EVENT, query="x" * MAX_LINE_BYTES), R.LINE_TOO_LONG),
    ("no id", line(without(EVENT, "event_id")), R.MISSING_FIELD),
    ("null id", line(EVENT, event_id=None), R.MISSING_FIELD),
    ("empty id", line(EVENT, event_id=""), R.OUT_OF_RANGE),
    ("long id", line(EVENT, event_id="x" * 257), R.OUT_OF_RANGE),
    ("number for an id", line(EVENT, event_id=7), R.WRONG_TYPE),
    ("no time", line(without(EVENT, "occurred_at")), R.MISSING_FIELD),
    ("1.7 for a whole number", line(EVENT, dwell_ms=1.7), R.WRONG_TYPE),
    ("true for a whole number", line(EVENT, quantity=True), R.WRONG_TYPE),
    ("true for a number", line(EVENT, value=True), R.WRONG_TYPE),
    ("text for a number", line(EVENT, dwell_ms="12"), R.WRONG_TYPE),
    ("array for properties", line(EVENT, properties=[]), R.WRONG_TYPE),
    ("1e999", line(EVENT, value="V").replace(b'"V"', b"1e999"), R.OUT_OF_RANGE),
    ("1e999 within properties", line(EVENT, properties="V").replace(b'"V"', b'{"a":1e999}'), R.OUT_OF_RANGE),
    ("2**63", line(EVENT, dwell_ms=2**63), R.OUT_OF_RANGE),
    ("2**31 for a position", line(EVENT, position=2**31), R.OUT_OF_RANGE),
    ("5,000 digits", line(EVENT, dwell_ms="V").replace(b'"V"', b"1" * 5000), R.OUT_OF_RANGE),
    ("5,000 digits within properties",
     line(EVENT, properties="V").replace(b'"V"', b'{"a":' + b"1" * 5000 + b"}"), R.OUT_OF_RANGE),
    ("negative dwell", line(EVENT, dwell_ms=-1), R.OUT_OF_RANGE),
    ("scroll over 1", line(EVENT, scroll_depth=1.01), R.OUT_OF_RANGE),
    ("position 0", line(EVENT, position=0), R.OUT_OF_RANGE),
    ("negative quantity", line(EVENT, quantity=-1), R.OUT_OF_RANGE),
    ("unknown type", line(EVENT, event_type="clik"), R.UNKNOWN_EVENT_TYPE),
    ("type in capitals", line(EVENT, event_type="Click"), R.UNKNOWN_EVENT_TYPE),
    ("number for a type", line(EVENT, event_type=3), R.WRONG_TYPE),
    ("nobody", line(without(EVENT, "user_id")), R.NO_IDENTITY),
    ("null for everybody", line(EVENT, user_id=None, anonymous_id=None), R.NO_IDENTITY),
    ("time without a zone", line(EVENT, occurred_at="2024-03-01T12:00:00"), R.BAD_TIMESTAMP),
    ("date only", line(EVENT, occurred_at="2024-03-01"), R.BAD_TIMESTAMP),
    ("epoch", line(EVENT, occurred_at=1709294400), R.BAD_TIMESTAMP),
    ("30 February", line(EVENT, occurred_at="2024-02-30T12:00:00Z"), R.BAD_TIMESTAMP),
    ("year 1999", line(EVENT, occurred_at="1999-12-31T23:59:59Z"), R.BAD_TIMESTAMP),
    ("year 9999", line(EVENT, occurred_at="9999-12-31T23:59:59Z"), R.BAD_TIMESTAMP),
    ("year 0", line(EVENT, occurred_at="0000-01-01T00:00:00Z"), R.BAD_TIMESTAMP),
    ("received in year 1999", line(EVENT, received_at="1999-01-01T00:00:00Z"), R.BAD_TIMESTAMP),
    ("from the future", line(EVENT, received_at="2024-03-01T11:54:59Z"), R.OCCURRED_AFTER_RECEIVED),
    ("NUL in an id", line(EVENT, event_id="a\0b"), R.NUL_CHARACTER),
    ("NUL in a key of properties", line(EVENT, properties={"a\0": 1}), R.NUL_CHARACTER),
]  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), [pytest.param(t, r, id=i) for i, t, r in REFUSED_EVENTS])
def test_refused_event(text: bytes, reason: RejectionReason) -> None:
    assert reason_of("events", text) is reason


def _slate(*positions: int) -> list[dict[str, Any]]:
    return [{"item_id": f"i{index}", "position": position} for index, position in enumerate(positions)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"items": []}, R.OUT_OF_RANGE),
        ({"items": None}, R.MISSING_FIELD),
        ({"items": _slate(1, 3)}, R.POSITIONS_NOT_CONTIGUOUS),
        ({"items": _slate(2, 1)}, R.POSITIONS_NOT_CONTIGUOUS),
        ({"items": _slate(1, 1)}, R.POSITIONS_NOT_CONTIGUOUS),
        ({"items": _slate(2)}, R.POSITIONS_NOT_CONTIGUOUS),
        ({"items": [{"item_id": "i", "position": 1, "propensity": 0}]}, R.OUT_OF_RANGE),
        ({"items": [{"item_id": "i", "position": 1, "propensity": 1.0001}]}, R.OUT_OF_RANGE),
        ({"items": [{"position": 1}]}, R.MISSING_FIELD),
        ({"items": ["i"]}, R.WRONG_TYPE),
        ({"anonymous_id": None}, R.NO_IDENTITY),
        ({"surface": ""}, R.OUT_OF_RANGE),
        ({"latency_ms": -0.1}, R.OUT_OF_RANGE),
        ({"user_embedding": [1, "a"]}, R.WRONG_TYPE),
        ({"user_embedding": [1e300]}, R.OUT_OF_RANGE),
    ],
)
def test_refused_inference(changes: dict[str, Any], reason: RejectionReason) -> None:
    assert reason_of("inferences", line(INFERENCE, **changes)) is reason


@pytest.mark.parametrize("name", ["surface", "model_name", "model_version", "policy", "request_id", "items"])
def test_inference_without_a_required_field(name: str) -> None:
    assert reason_of("inferences", line(without(INFERENCE, name))) is R.MISSING_FIELD


def test_future_catalogue_versions_are_refused_too() -> None:
    text = line(ITEM, updated_at="2024-03-02T00:00:00Z", received_at="2024-03-01T00:00:00Z")
    assert reason_of("items", text) is R.OCCURRED_AFTER_RECEIVED


def test_five_minutes_of_clock_skew_are_allowed() -> None:
    decode_line("events", line(EVENT, received_at="2024-03-01T11:55:00Z"))


def test_a_line_of_exactly_the_limit_is_taken() -> None:
    text = line(EVENT, query="")
    padded = line(EVENT, query="x" * (MAX_LINE_BYTES - len(text)))
    assert len(padded) == MAX_LINE_BYTES
    decode_line("events", padded)


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    event = decode_line("events", line(EVENT, query="\\u0000"))
    assert isinstance(event, Event)
    assert event.query == "\\u0000"


@given(
    st.integers(-14 * 60, 14 * 60),
    st.datetimes(datetime(2001, 1, 1), datetime(2099, 12, 30)),  # noqa: DTZ001
)
def test_zones_change_nothing_but_the_notation(minutes: int, moment: datetime) -> None:
    zone = timezone(timedelta(minutes=minutes))
    sent = moment.replace(tzinfo=UTC).astimezone(zone).isoformat()
    event = decode_line("events", line(EVENT, occurred_at=sent))
    assert isinstance(event, Event)
    assert event.occurred_at.astimezone(UTC) == moment.replace(tzinfo=UTC)


def test_unlisted_keys_are_kept() -> None:
    event = decode_line("events", line(EVENT, ab_test="b", colour="red", properties={"colour": "blue"}))
    assert isinstance(event, Event)
    assert event.properties == {"ab_test": "b", "colour": "blue"}
    user = decode_line("users", line(USER, plan="gold"))
    assert user.attributes == {"plan": "gold"}  # type: ignore[attr-defined]


def test_a_faulty_line_with_unlisted_keys_is_refused_for_its_fault() -> None:
    assert reason_of("events", line(EVENT, ab_test="b", dwell_ms=-1)) is R.OUT_OF_RANGE


def test_every_reason_says_what_to_do() -> None:
    assert set(REMEDIES) == set(RejectionReason)
    assert all(text.endswith(".") for text in REMEDIES.values())


def test_unknown_log() -> None:
    with pytest.raises(UnknownFormatError, match="events, inferences, items, users"):
        decode_line("clicks", b"{}")


def test_parquet_rows_are_held_to_the_same_rules() -> None:
    naive = {**EVENT, "occurred_at": datetime(2024, 3, 1, 12), "properties": '{"a": 1}', "rating": None}  # noqa: DTZ001
    event = convert_row("events", naive)
    assert isinstance(event, Event)
    assert event.occurred_at == datetime(2024, 3, 1, 12, tzinfo=UTC)
    assert event.properties == {"a": 1}
    for changes, reason in (
        ({"value": math.nan}, R.OUT_OF_RANGE),
        ({"query": "a\0"}, R.NUL_CHARACTER),
        ({"dwell_ms": 1.0}, R.WRONG_TYPE),
        ({"event_id": None}, R.MISSING_FIELD),
        ({"properties": "{"}, R.WRONG_TYPE),
        ({"properties": '{"a": "\\u0000"}'}, R.NUL_CHARACTER),
    ):
        with pytest.raises(Rejected) as caught:
            convert_row("events", {**EVENT, **changes})
        assert caught.value.reason is reason


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300)
@given(st.sampled_from(sorted(LOGS)), st.binary(max_size=200))
def test_random_bytes_are_refused_and_nothing_else(log: str, text: bytes) -> None:
    with pytest.raises(Rejected):
        decode_line(log, text)
    with pytest.raises(Rejected):
        raise_if_object(text)


def raise_if_object(text: bytes) -> None:
    decode_object(text)
    raise Rejected(R.MISSING_FIELD, "random bytes may be an empty object")


@settings(max_examples=400)
@given(st.sampled_from(sorted(LOGS)), st.data())
def test_a_field_of_any_json_is_taken_or_refused_and_nothing_else(log: str, data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(LOGS[log].fields))
    text = line(VALID[log], **{field: data.draw(JSON)})
    with suppress(Rejected):
        assert isinstance(decode_line(log, text), LOGS[log].struct)


@settings(max_examples=300)
@given(st.sampled_from(sorted(LOGS)), st.integers(0, 10_000), st.binary(min_size=1, max_size=3))
def test_damaged_lines_are_taken_or_refused_and_nothing_else(log: str, at: int, noise: bytes) -> None:
    text = line(VALID[log])
    at %= len(text)
    with suppress(Rejected):
        decode_line(log, text[:at] + noise + text[at + len(noise) :])
