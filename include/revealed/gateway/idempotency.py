"""Requests that were answered: the same `Idempotency-Key` again is answered as before, and stores nothing.

Only digests are kept. An answer is a function of the body and of the moment it was received, so that the moment is all it
takes to give it again.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import msgspec

from revealed.gateway.refusals import HttpRefusal

KEPT = timedelta(hours=24)
_MOST = 200_000
_LONGEST_KEY = 255


class Answered(msgspec.Struct):
    """One answered request, as it is journaled.

    Attributes:
        key: digest of the token's id, the log and the key.
        body: digest of the body.
        received_at: the moment that its lines were stamped with.
        at: when it was answered, by the server's clock.
    """

    key: str
    body: str
    received_at: datetime
    at: datetime


class AnsweredRequests:
    """The answered requests of the last 24 hours, at most the newest 200,000."""

    def __init__(self) -> None:
        self._by_key: OrderedDict[str, Answered] = OrderedDict()
        self._at_work: set[str] = set()

    def find(self, key: str, body: str, now: datetime) -> Answered | None:
        """Return the request that was answered under this key, or None.

        Raises:
            HttpRefusal: 409, the key came with another body.
        """
        found = self._by_key.get(key)
        if found is None or now - found.at >= KEPT:
            return None
        if found.body != body:
            raise HttpRefusal(
                409,
                "key_reused",
                "this `Idempotency-Key` came before with another body",
                remedy="use a new key for each request",
            )
        return found

    def add(self, answered: Answered) -> None:
        """Remember an answered request, and forget those that are too old or too many."""
        self._by_key[answered.key] = answered
        self._by_key.move_to_end(answered.key)
        while self._by_key:
            oldest = next(iter(self._by_key.values()))
            if len(self._by_key) <= _MOST and answered.at - oldest.at < KEPT:
                return
            self._by_key.popitem(last=False)

    def kept(self) -> list[Answered]:
        """Return what is remembered, the oldest first."""
        return list(self._by_key.values())

    @contextmanager
    def alone(self, key: str) -> Iterator[None]:
        """Hold the key while its request is at work.

        Raises:
            HttpRefusal: 409, the same key is at work in another request.
        """
        if key in self._at_work:
            raise HttpRefusal(
                409,
                "key_in_use",
                "a request with this `Idempotency-Key` is being answered",
                remedy="wait for its answer, or send it again in 1 s",
                headers={"Retry-After": "1"},
            )
        self._at_work.add(key)
        try:
            yield
        finally:
            self._at_work.discard(key)


def key_digest(token_id: str, log: str, key: str) -> str:
    """Return what stands for a client's key.

    Raises:
        HttpRefusal: 400, the key is empty or too long.
    """
    if not 0 < len(key) <= _LONGEST_KEY:
        raise HttpRefusal(
            400, "bad_key", f"`Idempotency-Key` is not 1 to {_LONGEST_KEY} characters", remedy="use a UUID"
        )
    return hashlib.sha256(f"{token_id}\0{log}\0{key}".encode()).hexdigest()


def body_digest(body: bytes) -> str:
    """Return what stands for an (unpacked) body."""
    return hashlib.sha256(body).hexdigest()
