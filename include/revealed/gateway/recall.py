"""What a starting gateway takes up again: answered requests and lasting hides, each log rewritten as one file."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from revealed import durable
from revealed.gateway.idempotency import KEPT, Answered
from revealed.gateway.segments import SEALED_SUFFIX
from revealed.gateway.sessions import Note
from revealed.gateway.state import Gateway

_MOST_NOTES = 500_000
_Record = TypeVar("_Record", Answered, Note)


def recall(gateway: Gateway) -> None:
    """Fill the gateway's memory from its folder; the journal has sealed what a killed gateway left there."""
    now = gateway.clock()
    keys, hides = gateway.settings.gateway / "keys", gateway.settings.gateway / "hides"
    for answered in _read(keys, Answered):
        if now - answered.at < KEPT:
            gateway.answered.add(answered)
    notes = list(_read(hides, Note))[-_MOST_NOTES:]
    for note in notes:
        gateway.sessions.take(note)
    _rewrite(keys, gateway.answered.kept(), gateway)
    _rewrite(hides, notes, gateway)


def _read(folder: Path, kind: type[_Record]) -> Iterator[_Record]:
    """Yield the records, the oldest first: the names begin with the moment. Unreadable lines are what a power cut tore."""
    decode = msgspec.json.Decoder(kind).decode
    for path in sorted(folder.glob(f"*{SEALED_SUFFIX}")):
        for line in path.read_bytes().splitlines():
            try:
                yield decode(line)
            except ValueError:
                continue


def _rewrite(folder: Path, records: Sequence[Answered | Note], gateway: Gateway) -> None:
    before = list(folder.glob(f"*{SEALED_SUFFIX}"))
    if len(before) < 2:
        return
    stamp = gateway.clock().strftime("%Y%m%dT%H%M%S%fZ")
    encode = msgspec.json.encode
    data = b"".join(encode(record) + b"\n" for record in records)
    durable.write_bytes(folder / f"{folder.name}-{stamp}-{secrets.token_hex(4)}{SEALED_SUFFIX}", data)
    for path in before:
        path.unlink()
