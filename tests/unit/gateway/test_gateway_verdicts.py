"""What the gateway says of a line is what landing will say of it, for any bytes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revealed.contracts import MAX_LINE_BYTES, Rejected, Row, decode_line
from revealed.contracts.decoding import MAX_NESTING
from revealed.gateway.bodies import split_lines
from revealed.gateway.refusals import HttpRefusal
from revealed.gateway.verdicts import Judge, Judged

NOW = datetime(2026, 5, 1, 8, 0, 30, 125000, tzinfo=UTC)
LINES, JSON = "application/x-ndjson", "application/json"
EVENT = {
    "event_id": "e-1",
    "event_type": "purchase",
    "occurred_at": "2026-05-01T08:00:00Z",
    "user_id": "u-1",
    "item_id": "a-1",
    "value": 12.5,
    "properties": {"text": 'ä"\\\u2028', "list": [1, 2.5, None, True, 10**30]},
}
INFERENCE = {
    "request_id": "r-1",
    "occurred_at": "2026-05-01T08:00:00Z",
    "anonymous_id": "x",
    "surface": "home",
    "model_name": "als",
    "model_version": "3",
    "policy": "greedy",
    "items": [{"item_id": "a", "position": 1, "score": 0.5, "propensity": 0.25}],
}
BAD_NUMBERS = (b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"9" * 400, b"1.7", b"true")
ODD_TEXTS = (
    b'"\\ud800"',
    b'"\\u0000"',
    b'"\x00"',
    b'"\xff"',
    b'"a\nb"',
    b'"\xed\xa0\x80"',
    b'""',
    b'"' + b"x" * 300 + b'"',
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
fields = st.sampled_from(
    [*EVENT, "received_at", "position", "rating", "surprise", "quantity", "scroll_depth"]
)
stamps = st.sampled_from(
    ["2026-05-01T09:00:00Z", "2026-05-01T07:00:00+02:00", "1850-01-01T00:00:00Z", "now", 7, None]
)


@st.composite
def odd_lines(draw: st.DrawFn) -> bytes:
    """A good line that something happened to: a value, a key, some bytes, or nothing."""
    line = dict(draw(st.sampled_from([EVENT, INFERENCE])))
    for _ in range(draw(st.integers(0, 2))):
        line[draw(fields)] = draw(values | stamps)
    text = json.dumps(
        line, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1]))
    ).encode()
    what = draw(st.sampled_from(["keep", "number", "text", "cut", "insert", "drop", "deep", "long"]))
    if what == "number":
        text = text.replace(b"12.5", draw(st.sampled_from(BAD_NUMBERS)))
    elif what == "text":
        text = text.replace(b'"a-1"', draw(st.sampled_from(ODD_TEXTS)))
    elif what == "cut":
        text = text[: draw(st.integers(0, len(text)))]
    elif what == "insert":
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.binary(min_size=1, max_size=4)) + text[at:]
    elif what == "drop":
        text = text.replace(draw(st.sampled_from([b'"event_id"', b'"user_id"', b"2026", b":"])), b"")
    elif what == "deep":
        depth = draw(st.sampled_from([MAX_NESTING - 3, MAX_NESTING, MAX_NESTING + 2, 3_000]))
        text = text.replace(b"12.5", b"[" * depth + b"]" * depth)
    elif what == "long":
        text = text.replace(b"12.5", b'12.5, "query": "' + b"q" * draw(st.integers(65_000, 66_000)) + b'"')
    return text


@st.composite
def odd_bodies(draw: st.DrawFn) -> tuple[bytes, str]:
    lines = draw(st.lists(odd_lines() | st.binary(max_size=20), max_size=4))
    kind = draw(st.sampled_from(["lines", "array", "single", "garbage"]))
    if kind == "lines":
        return b"\n".join(lines), LINES
    if kind == "array":
        return b"[" + b", ".join(lines) + b"]", JSON
    return (lines[0] if lines and kind == "single" else b"".join(lines)), JSON


def landing_says(log: str, line: bytes) -> Row | str:
    try:
        return decode_line(log, line)
    except Rejected as rejected:
        return rejected.reason.value


def split_or_refusal(body: bytes, content_type: str) -> list[bytes] | HttpRefusal:
    try:
        return split_lines(body, content_type)
    except HttpRefusal as refusal:
        return refusal


@settings(max_examples=200, deadline=None)
@given(odd_bodies(), st.sampled_from(["events", "inferences"]))
def test_every_line_gets_the_verdict_that_landing_will_give_it(body: tuple[bytes, str], log: str) -> None:
    lines = split_or_refusal(*body)
    if isinstance(lines, HttpRefusal):
        assert lines.status in (400, 413)
        return
    judged = Judge(log).judge(lines, NOW)
    verdicts = judged.answer.verdicts
    msgspec.json.encode(judged.answer)
    assert [verdict.index for verdict in verdicts] == list(range(len(lines)))
    assert judged.answer.accepted + judged.answer.rejected == len(lines)
    kept = [verdict for verdict in verdicts if not (verdict.detail or "").endswith("this line is not kept")]
    assert len(kept) == len(judged.lines)
    for verdict, line in zip(kept, judged.lines, strict=True):
        assert b"\n" not in line
        assert line.strip()
        said = landing_says(log, line)
        if verdict.status == "accepted":
            assert not isinstance(said, str)
            assert said.received_at == NOW
            assert getattr(said, "event_id" if log == "events" else "request_id") == verdict.id
        else:
            assert said == verdict.reason


def judge_one(values: dict[str, Any] | bytes) -> Judged:
    line = values if isinstance(values, bytes) else json.dumps(values).encode()
    return Judge("events").judge([line], NOW)


def test_what_is_accepted_is_journaled_as_it_came_but_for_the_moment() -> None:
    judged = judge_one(EVENT)
    (line,) = judged.lines
    assert json.loads(line) == EVENT | {"received_at": NOW.isoformat()}
    assert line.startswith(json.dumps(EVENT).encode()[:-1])


@pytest.mark.parametrize("theirs", ["2020-01-01T00:00:00Z", "2020-01-01T00:00:00", "never", 5, None, {}])
def test_the_sender_s_own_moment_does_not_count(theirs: object) -> None:
    judged = judge_one(EVENT | {"received_at": theirs})
    assert judged.answer.accepted == 1
    assert json.loads(judged.lines[0]) == EVENT | {"received_at": NOW.isoformat()}


def test_an_escaped_key_does_not_smuggle_a_moment_in() -> None:
    line = json.dumps(EVENT).encode()[:-1] + b', "received\\u005fat": "2026-05-01T09:30:00Z"}'
    (kept,) = judge_one(line).lines
    row = decode_line("events", kept)
    assert row.received_at == NOW  # type: ignore[attr-defined]


def test_what_is_dated_after_its_arrival_is_quarantined_with_that_reason() -> None:
    judged = judge_one(EVENT | {"occurred_at": "2026-05-01T08:05:31Z"})
    assert judged.answer.verdicts[0].reason == "occurred_after_received"
    assert landing_says("events", judged.lines[0]) == "occurred_after_received"
    assert judge_one(EVENT | {"occurred_at": "2026-05-01T08:05:30Z"}).answer.accepted == 1


def test_a_line_that_the_moment_makes_too_long_is_refused_here_as_there() -> None:
    empty = len(json.dumps(EVENT | {"query": ""}).encode())
    for size, is_kept in ((MAX_LINE_BYTES, True), (MAX_LINE_BYTES + 1, False)):
        line = json.dumps(EVENT | {"query": "q" * (size - empty)}).encode()
        assert len(line) == size
        judged = judge_one(line)
        assert judged.answer.verdicts[0].reason == "line_too_long"
        assert bool(judged.lines) == is_kept
        assert all(landing_says("events", kept) == "line_too_long" for kept in judged.lines)


@pytest.mark.parametrize(
    ("levels", "is_accepted"), [(MAX_NESTING - 1, True), (MAX_NESTING, False), (4_000, False)]
)
@pytest.mark.parametrize("frames", [0, 300])
def test_how_deep_a_line_may_be_does_not_depend_on_who_asks(
    levels: int, is_accepted: bool, frames: int
) -> None:
    """`levels` lists within the object: one level more than that in all."""
    if frames:
        test_how_deep_a_line_may_be_does_not_depend_on_who_asks(levels, is_accepted, frames - 1)
        return
    line = json.dumps(EVENT | {"surprise": "?"}).encode().replace(b'"?"', b"[" * levels + b"]" * levels)
    judged = judge_one(line)
    assert judged.answer.accepted == is_accepted
    if not is_accepted:
        assert judged.answer.verdicts[0].reason == "nested_too_deeply"
    said = landing_says("events", judged.lines[0])
    assert isinstance(said, str) != is_accepted
