"""Gzip in bounded memory, up to the last byte before any damage.

`gzip.open` throws away what it had decoded when it meets damage, and a small file may hold terabytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

_READ = 1 << 16
_OUTPUT = 1 << 20
_GZIP_WINDOW = 31


class CorruptGzipError(Exception):
    """Internal to landing: the compressed stream ends early or does not decode from here on."""


def gzip_chunks(file: Path) -> Iterator[bytes]:
    """Yield the decompressed bytes, at most 1 MB at a time.

    Raises:
        CorruptGzipError: after the last byte that decodes, if the stream is damaged or cut.
    """
    stream = _GzipStream()
    with file.open("rb") as source:
        while data := source.read(_READ):
            yield from stream.feed(data)
    yield from stream.finish()


class _GzipStream:
    """Concatenated gzip members, with zero padding after them."""

    def __init__(self) -> None:
        self._member: zlib._Decompress | None = None
        self._members = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._member is None:
                data = data.lstrip(b"\0") if self._members else data
                if not data:
                    return
                self._member = zlib.decompressobj(_GZIP_WINDOW)
                self._members += 1
            yield from self._inflate(self._member, data)
            data = self._member.unused_data
            if self._member.eof:
                self._member = None

    def finish(self) -> Iterator[bytes]:
        if self._member is not None:
            yield self._member.flush()
            raise CorruptGzipError("the gzip stream ends early")

    def _inflate(self, member: zlib._Decompress, data: bytes) -> Iterator[bytes]:
        while data and not member.eof:
            before = member.copy()
            try:
                output = member.decompress(data, _OUTPUT)
            except zlib.error as error:
                yield from _salvage(before, data)
                raise CorruptGzipError(f"the gzip stream does not decode: {error}") from None
            yield output
            data = member.unconsumed_tail


def _salvage(member: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    """Yield what `data` decodes to before the byte at which it stops decoding."""
    for index in range(len(data)):
        try:
            output = member.decompress(data[index : index + 1])
        except zlib.error:
            return
        if output:
            yield output
