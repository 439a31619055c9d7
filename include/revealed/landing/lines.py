"""Lines of a file, plain or gzip, in constant memory however long a line is, with where each began."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from revealed.contracts import MAX_LINE_BYTES
from revealed.landing.gzip_stream import CorruptGzipError, gzip_chunks

HEAD_BYTES = 1_024
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Block:
    """Consecutive lines without their newlines.

    Attributes:
        first_line: the first line's number, from 1.
        first_offset: the first line's byte offset in the (decompressed) file.
        overlong: set where the one line is too long for memory: its full length; `lines` has its head.
        is_unterminated: the file ended without a newline after the one line.
        damage: set where the file cannot be read on: why; the one line is what was left over.
    """

    lines: list[bytes]
    first_line: int
    first_offset: int
    overlong: int = 0
    is_unterminated: bool = False
    damage: str = ""

    def offsets(self) -> list[int]:
        """Return each line's byte offset."""
        offsets, offset = [], self.first_offset
        for line in self.lines:
            offsets.append(offset)
            offset += len(line) + 1
        return offsets


def read_blocks(file: Path, *, is_gzip: bool) -> Iterator[Block]:
    """Yield the file's lines in order. What follows damage in a gzip stream is not read."""
    reader = _LineReader()
    try:
        for chunk in gzip_chunks(file) if is_gzip else _plain_chunks(file):
            yield from reader.feed(chunk)
    except CorruptGzipError as error:
        yield reader.damaged(str(error))
        return
    yield from reader.finish()


class _LineReader:
    """Cuts chunks into lines; of a line that does not end in time, only the head is kept."""

    def __init__(self) -> None:
        self._rest = b""
        self._line = 1
        self._offset = 0
        self._overlong = 0

    def feed(self, chunk: bytes) -> Iterator[Block]:
        if self._overlong:
            end = chunk.find(b"\n")
            if end < 0:
                self._overlong += len(chunk)
                return
            self._overlong += end
            yield self._end_overlong()
            chunk = chunk[end + 1 :]
        data = self._rest + chunk
        lines = data.split(b"\n")
        self._rest = lines.pop()
        if lines:
            yield Block(lines, self._line, self._offset)
            self._line += len(lines)
            self._offset += len(data) - len(self._rest)
        if len(self._rest) > MAX_LINE_BYTES:
            self._overlong = len(self._rest)
            self._rest = self._rest[:HEAD_BYTES]

    def finish(self) -> Iterator[Block]:
        if self._overlong:
            yield self._end_overlong()
        elif self._rest:
            yield Block([self._rest], self._line, self._offset, is_unterminated=True)

    def damaged(self, why: str) -> Block:
        return Block([self._rest], self._line, self._offset, damage=why)

    def _end_overlong(self) -> Block:
        block = Block([self._rest], self._line, self._offset, overlong=self._overlong)
        self._line += 1
        self._offset += self._overlong + 1
        self._rest, self._overlong = b"", 0
        return block


def _plain_chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk
