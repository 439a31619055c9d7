"""How much one token may send, and how little disk may be left."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from pathlib import Path

from revealed.gateway.refusals import HttpRefusal, unavailable

_BURST_SECONDS = 2.0
_LOOK_EVERY_SECONDS = 0.2
_MOST_TOKENS = 10_000
_ROUNDING = 1e-6


class RateLimit:
    """A token bucket for each token: refuses while it is empty. What a request turns out to hold may leave it in debt.

    Args:
        per_second: lines a second, on average.
        monotonic: seconds, from any start.
    """

    def __init__(self, per_second: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._monotonic = monotonic
        self._buckets: dict[str, tuple[float, float]] = {}

    def admit(self, token_id: str) -> None:
        """Take one from the bucket.

        Raises:
            HttpRefusal: 429, with the seconds after which there is one again.
        """
        level = self._level(token_id)
        if level < 1 - _ROUNDING:
            wait = math.ceil((1 - level) / self._per_second)
            raise HttpRefusal(
                429,
                "rate_limited",
                f"this token has sent more than {self._per_second:,.0f} lines a second",
                remedy=f"send it again in {wait} s; nothing of this request counts",
                headers={"Retry-After": str(wait)},
            )
        self.charge(token_id, 1)

    def charge(self, token_id: str, lines: int) -> None:
        """Take `lines` from the bucket, even if it does not hold as many."""
        self._buckets[token_id] = (self._level(token_id) - lines, self._monotonic())
        if len(self._buckets) > _MOST_TOKENS:
            self._buckets.pop(next(iter(self._buckets)))

    def _level(self, token_id: str) -> float:
        most = max(1.0, self._per_second * _BURST_SECONDS)
        level, at = self._buckets.get(token_id, (most, 0.0))
        return min(most, level + (self._monotonic() - at) * self._per_second)


class DiskWatch:
    """Whether enough disk is left to promise to keep something.

    Args:
        folder: on the disk in question.
        least_free: bytes that must be free; 0: any.
    """

    def __init__(self, folder: Path, least_free: int) -> None:
        self._folder = folder
        self._least_free = least_free
        self._free = 0
        self._looked_at = -math.inf

    def free_bytes(self) -> int:
        """Return how much is free, as of at most 0.2 s ago."""
        if time.monotonic() - self._looked_at >= _LOOK_EVERY_SECONDS:
            status = os.statvfs(self._folder)
            self._free = status.f_bavail * status.f_frsize
            self._looked_at = time.monotonic()
        return self._free

    def is_full(self) -> bool:
        """Return whether less is free than must be."""
        return self.free_bytes() < self._least_free

    def require_space(self) -> None:
        """Refuse with 503 while the disk is nearly full.

        Raises:
            HttpRefusal: 503.
        """
        if self.is_full():
            raise unavailable("the disk is nearly full", code="disk_full")
