"""Events as columns while the world runs: coded numbers, so that a whole wave is one append."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from revealed.errors import UsageError
from revealed.exploration.rank_marginals import Ints

MISSING: dict[str, float | int] = {
    "person": -1,
    "session": -1,
    "item": -1,
    "cause_request": -1,
    "request_logged": 0,
    "position": 0,
    "surface": -1,
    "dwell_ms": -1,
    "scroll_depth": np.nan,
    "value": np.nan,
    "quantity": 0,
    "order": -1,
    "reverses": -1,
    "rating": np.nan,
    "query": -1,
    "anonymous_too": 0,
}
Columns = dict[str, NDArray[Any]]


class EventLog:
    """Collects events; an event's number is its order of insertion and never changes."""

    def __init__(self, first: int = 0) -> None:
        """Begin with number `first`: a log may continue another."""
        self.first = first
        self._batches: list[Columns] = []
        self._size = first

    def add(self, kind: str, at_ms: Ints, **columns: Any) -> Ints:
        """Append one event an entry of `at_ms`; columns are arrays of that length or constants.

        Returns the numbers of the new events, for others to refer to.
        """
        count = len(at_ms)
        batch: Columns = {"kind": np.full(count, kind), "at_ms": np.asarray(at_ms, dtype=np.int64)}
        for name, missing in MISSING.items():
            dtype = np.float64 if isinstance(missing, float) else np.int64
            batch[name] = np.broadcast_to(np.asarray(columns.pop(name, missing), dtype=dtype), (count,))
        if columns:
            raise UsageError(f"there are no such event columns: {sorted(columns)}")
        self._batches.append(batch)
        first, self._size = self._size, self._size + count
        return np.arange(first, self._size)

    def __len__(self) -> int:
        """Return how many there are."""
        return self._size - self.first

    def columns(self) -> Columns:
        """Return every column over all events, in order of insertion; the first row has number `first`."""
        names = ("kind", "at_ms", *MISSING)
        return {name: np.concatenate([batch[name] for batch in self._batches]) for name in names}
