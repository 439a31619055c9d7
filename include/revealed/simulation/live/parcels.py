"""Events on their way: batches as clients send them, some late, some twice, some with a line that nobody accepts."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np

from revealed.exploration.rank_marginals import Ints
from revealed.simulation.delivery import received_times
from revealed.simulation.lines import Record
from revealed.simulation.live.names import LiveNames
from revealed.simulation.malformed import TEMPLATES, malformed_lines
from revealed.simulation.names import timestamps

HOUR_MS = 3_600_000
_GZIPPED = 0.3
_KEYLESS = 0.1
_SAME_KEY = 0.5
_LONGEST = 200


@dataclass(frozen=True)
class Parcel:
    """Lines of one log that one client sends together at `due_ms`; `key` is its Idempotency-Key, if it has one.

    `rejects` says how many lines no contract accepts; `is_copy`, that all of it has been sent before, and
    `is_repeated`, that it was under the same key: the gateway answers as before and stores nothing.
    """

    due_ms: int
    log: str
    lines: tuple[bytes, ...]
    key: str | None = None
    is_late: bool = False
    is_copy: bool = False
    is_repeated: bool = False
    rejects: int = 0
    as_array: bool = False
    gzipped: bool = False

    def body(self) -> tuple[bytes, dict[str, str]]:
        """Return the request's body and the headers that describe it."""
        if self.as_array:
            data, kind = b"[" + b",".join(self.lines) + b"]", "application/json"
        else:
            data, kind = b"\n".join(self.lines) + b"\n", "application/x-ndjson"
        headers = {"Content-Type": kind}
        if self.gzipped:
            data, headers["Content-Encoding"] = gzip.compress(data, compresslevel=1, mtime=0), "gzip"
        if self.key:
            headers["Idempotency-Key"] = self.key
        return data, headers

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values; a line may be no UTF-8, so each byte is one character."""
        return {**vars(self), "lines": [line.decode("latin-1") for line in self.lines]}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Parcel:
        """Return what `to_dict` described."""
        return cls(**{**data, "lines": tuple(line.encode("latin-1") for line in data["lines"])})


@dataclass
class Outbox:
    """What waits on people's devices until its time has come."""

    waiting: list[Parcel] = field(default_factory=list)

    def put(self, parcels: Iterable[Parcel]) -> None:
        """Add parcels."""
        self.waiting.extend(parcels)

    def take_due(self, until_ms: int) -> list[Parcel]:
        """Remove and return what is due before `until_ms`, earliest first."""
        due = sorted((parcel for parcel in self.waiting if parcel.due_ms < until_ms), key=lambda p: p.due_ms)
        self.waiting = [parcel for parcel in self.waiting if parcel.due_ms >= until_ms]
        return due


class Packer:
    """Packs events into parcels as the world's rates say; `rng` decides which come late, twice or broken."""

    def __init__(self, names: LiveNames) -> None:
        self.names = names
        self.rng = np.random.default_rng(0)
        self._count = 0

    def pack(self, records: Sequence[Record], person: Ints, at_ms: Ints) -> list[Parcel]:
        """Return one parcel a person and hour (of at most 200 lines), and the copies that are sent again."""
        groups: dict[tuple[int, int], list[int]] = {}
        for n, (who, when) in enumerate(zip(person.tolist(), at_ms.tolist(), strict=True)):
            groups.setdefault((who, when // HOUR_MS), []).append(n)
        cut = [rows[at : at + _LONGEST] for rows in groups.values() for at in range(0, len(rows), _LONGEST)]
        last = np.array([max(int(at_ms[n]) for n in rows) for rows in cut], dtype=np.int64)
        due, is_late = received_times(last, self.names.config.late_rate, self.rng)
        parcels = [
            self._parcel([records[n] for n in rows], int(due[p]), is_late=bool(is_late[p]))
            for p, rows in enumerate(cut)
        ]
        return parcels + [self._again(p) for p in parcels if self._happens(self.names.config.duplicate_rate)]

    def inference(self, records: Sequence[Record], at_ms: int) -> Parcel:
        """Return a parcel of another system's inference log."""
        return self._parcel(records, at_ms, log="inferences")

    def _parcel(
        self, records: Sequence[Record], due_ms: int, *, log: str = "events", is_late: bool = False
    ) -> Parcel:
        self._count += 1
        parcel = Parcel(
            due_ms=due_ms,
            log=log,
            lines=tuple(msgspec.json.encode(record) for record in records),
            key=None if self._happens(_KEYLESS) else self.names.parcel(self._count),
            is_late=is_late,
            as_array=self._happens(0.5),
            gzipped=self._happens(_GZIPPED),
        )
        return self._spoil(parcel)

    def _spoil(self, parcel: Parcel) -> Parcel:
        """Return the parcel, now and then with a line put in that no contract accepts."""
        if not self._happens(min(1.0, self.names.config.malformed_rate * len(parcel.lines))):
            return parcel
        kinds = list(TEMPLATES[parcel.log])
        kind = kinds[int(self.rng.integers(len(kinds)))]
        moment = timestamps(np.array([parcel.due_ms - 1_000]))[0]
        [bad] = malformed_lines(parcel.log, {kind: 1}, lambda _: moment)
        place = int(self.rng.integers(len(parcel.lines) + 1))
        lines = (*parcel.lines[:place], bad, *parcel.lines[place:])
        return replace(parcel, lines=lines, rejects=1, as_array=False)

    def _again(self, parcel: Parcel) -> Parcel:
        """A client that did not see the answer, or forgot: the same lines later, half of the time under the same key."""
        self._count += 1
        is_repeated = self._happens(_SAME_KEY) and parcel.key is not None
        key = parcel.key if is_repeated else self.names.parcel(self._count)
        later = int(self.rng.integers(60_000, 2 * HOUR_MS))
        return replace(parcel, due_ms=parcel.due_ms + later, key=key, is_copy=True, is_repeated=is_repeated)

    def _happens(self, rate: float) -> bool:
        return bool(self.rng.random() < rate)
