"""One decision to show something, as the inference log keeps it: journaled before anybody is told."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from revealed.contracts import MAX_LINE_BYTES, Rejected, line_decoder
from revealed.contracts.inference import PARTIAL_SLATE
from revealed.gateway.refusals import HttpRefusal
from revealed.gateway.state import Gateway

# What the gateway itself adds to a decision's context.
SERVING = "serving"
_RESERVED = (SERVING, PARTIAL_SLATE)
_judge = line_decoder("inferences")


class Asked(NamedTuple):
    """Who asks, and when.

    Attributes:
        person: their id.
        is_anonymous: it is an anonymous id.
        session_id: their session, if it was said.
        now: the moment of the decision, UTC.
        started: `time.perf_counter()` when the request came.
        request_id: the decision's own id.
    """

    person: str
    is_anonymous: bool
    session_id: str | None
    now: datetime
    started: float
    request_id: str

    @classmethod
    def by(cls, person: str, is_anonymous: bool, session_id: str | None, now: datetime) -> Asked:
        """Return a new request."""
        return cls(person, is_anonymous, session_id, now, time.perf_counter(), uuid.uuid4().hex)

    @property
    def identity(self) -> dict[str, str | None]:
        """Who asks, as both logs and answers say it."""
        ids = ("anonymous_id", "user_id") if self.is_anonymous else ("user_id", "anonymous_id")
        return {ids[0]: self.person, ids[1]: None}


class Decider(NamedTuple):
    """What decided: the log's columns of these names."""

    surface: str
    model_name: str
    model_version: str
    policy: str
    snapshot_id: str


def read_context(text: str | None) -> dict[str, Any]:
    """Return a client's context, an object; empty where there is none.

    Raises:
        HttpRefusal: 422, it is no JSON object, or sets what is ours to set.
    """
    if text is None:
        return {}
    try:
        context = msgspec.json.decode(text, type=dict[str, Any])
    except (ValueError, RecursionError) as error:
        raise _bad_context(f"`context` is no JSON object: {error}") from None
    taken = [name for name in _RESERVED if name in context]
    if taken:
        raise _bad_context(f"`context.{taken[0]}` is for the gateway to say")
    return context


async def log_decision(
    gateway: Gateway,
    asked: Asked,
    decider: Decider,
    context: Mapping[str, Any],
    items: Sequence[Mapping[str, Any]],
) -> int:
    """Return how many of the items were kept once the line is durable: all of them, unless the line would be too long.

    A slate is then cut at its end, which changes no propensity before the cut.

    Args:
        gateway: whose journal.
        asked: who asked.
        decider: what decided.
        context: the features and the policy's parameters.
        items: `item_id`, `position`, `score`, `propensity` of each, in order. Of none, nothing is logged.

    Raises:
        HttpRefusal: 422, the line breaks the contract, which only what the client sent can make it do.
        JournalUnavailable: it could not be made durable.
    """
    kept, line = len(items), b""
    while kept and len(line := _line(asked, decider, context, items[:kept])) > MAX_LINE_BYTES:
        kept -= 1 + kept // 10
    if not kept:
        return 0
    try:
        _judge(line)
    except Rejected as rejected:
        raise HttpRefusal(
            422,
            rejected.reason.value,
            f"this request cannot be logged: {rejected.detail}",
            remedy="send ids and a context that the inference log's contract allows",
        ) from None
    await gateway.journal.append("inferences", [line])
    return kept


def _line(
    asked: Asked, decider: Decider, context: Mapping[str, Any], items: Sequence[Mapping[str, Any]]
) -> bytes:
    values = {
        "request_id": asked.request_id,
        "occurred_at": asked.now,
        "received_at": asked.now,
        **asked.identity,
        "session_id": asked.session_id,
        **decider._asdict(),
        "context": context,
        "items": items,
        "latency_ms": round((time.perf_counter() - asked.started) * 1_000, 3),
    }
    return msgspec.json.encode({name: value for name, value in values.items() if value is not None})


def _bad_context(what: str) -> HttpRefusal:
    return HttpRefusal(
        422, "bad_context", what, remedy='send an object of features, such as {"device": "phone"}'
    )
