"""A source file as typed rows and refusals, batch by batch, every line accounted for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from revealed.contracts import Log, Rejected, RejectionReason, Row, convert_row, decode_object, line_decoder
from revealed.landing.columnar import clean_table
from revealed.landing.files import GZIP_SUFFIX, PARQUET_SUFFIX
from revealed.landing.lines import HEAD_BYTES, Block, read_blocks
from revealed.landing.mapping import Mapping

_RAW_LIMIT = 65_536
_PARQUET_ROWS = 32_768
_UTC = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class Refusal:
    """A line that goes to quarantine; `offset` is None for Parquet rows."""

    reason: RejectionReason
    detail: str
    raw: str
    line: int
    offset: int | None


@dataclass
class Batch:
    """Consecutive lines, judged. `received` counts them without looking at the verdicts.

    Attributes:
        size: roughly how many bytes the rows take.
        table: the rows in raw's columns, where all were proven clean at once; then `rows` is empty.
    """

    received: int = 0
    size: int = 0
    table: pa.Table | None = None
    rows: list[Row] = field(default_factory=list)
    line_numbers: list[int] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)


def parse_file(file: Path, log: Log, mapping: Mapping | None, source_file: str) -> Iterator[Batch]:
    """Yield the file's lines or rows, judged by the contract of `log`."""
    if file.name.endswith(PARQUET_SUFFIX):
        yield from _parse_parquet(file, log, mapping, source_file)
        return
    judge = _line_judge(log, mapping)
    for block in read_blocks(file, is_gzip=file.name.endswith(GZIP_SUFFIX)):
        yield _parse_block(block, judge)


def _line_judge(log: Log, mapping: Mapping | None) -> Callable[[bytes], Row]:
    if mapping is None:
        return line_decoder(log.name)
    apply = mapping.apply
    return lambda line: convert_row(log.name, apply(decode_object(line)))


def _parse_block(block: Block, judge: Callable[[bytes], Row]) -> Batch:
    if block.overlong or block.damage:
        return Batch(received=1, refusals=[_unreadable(block)])
    batch = Batch()
    offsets: list[int] = []
    for index, line in enumerate(block.lines):
        if not line or line.isspace():
            continue
        batch.received += 1
        batch.size += len(line)
        try:
            batch.rows.append(judge(line))
            batch.line_numbers.append(block.first_line + index)
        except Rejected as rejected:
            offsets = offsets or block.offsets()
            batch.refusals.append(_refusal(block, index, offsets[index], rejected))
    return batch


def _refusal(block: Block, index: int, offset: int, rejected: Rejected) -> Refusal:
    line, number, reason = block.lines[index], block.first_line + index, rejected.reason
    if block.is_unterminated and reason is RejectionReason.MALFORMED_JSON:
        reason = RejectionReason.TRUNCATED_LAST_LINE
    limit = HEAD_BYTES if reason is RejectionReason.LINE_TOO_LONG else _RAW_LIMIT
    return Refusal(reason, rejected.detail, line[:limit].decode(errors="replace"), number, offset)


def _unreadable(block: Block) -> Refusal:
    if block.damage:
        reason, detail = RejectionReason.CORRUPT_GZIP, block.damage
    else:
        reason, detail = RejectionReason.LINE_TOO_LONG, f"{block.overlong:,} bytes, at most {_RAW_LIMIT:,}"
    raw = block.lines[0][:_RAW_LIMIT].decode(errors="replace")
    return Refusal(reason, detail, raw, block.first_line, block.first_offset)


def _parse_parquet(file: Path, log: Log, mapping: Mapping | None, source_file: str) -> Iterator[Batch]:
    """Yield the rows; a file that cannot be read to its end counts as one refused row and nothing else."""
    damage = _parquet_damage(file)
    if damage:
        yield Batch(received=1, refusals=[Refusal(RejectionReason.CORRUPT_PARQUET, damage, "", 1, None)])
        return
    first = 1
    for record_batch in pq.ParquetFile(file).iter_batches(_PARQUET_ROWS):
        yield _parse_record_batch(record_batch, log, mapping, first, source_file)
        first += record_batch.num_rows


def _parquet_damage(file: Path) -> str:
    """Return why the file cannot be read to its end, or nothing: looked at first, to keep no part of it."""
    try:
        for _ in pq.ParquetFile(file).iter_batches(_PARQUET_ROWS):
            pass
    except (pa.ArrowException, OSError, ValueError) as error:
        return str(error).splitlines()[0]
    return ""


def _in_contract_types(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the batch with times in UTC microseconds (naive ones mean UTC), decimals as doubles, UUIDs as text.

    Raises:
        ValueError: a moment does not fit microseconds of 64 bits.
    """
    columns = [_in_contract_type(column) for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _in_contract_type(column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        is_finer = getattr(kind, "unit", "") == "ns"
        return column.cast(pa.timestamp("us", tz=getattr(kind, "tz", None)), safe=not is_finer).cast(_UTC)
    if isinstance(kind, pa.UuidType):
        return pa.array([None if value is None else str(value) for value in column.to_pylist()], pa.string())
    return column.cast(pa.float64()) if pa.types.is_decimal(kind) else column


def _parse_record_batch(
    rows: pa.RecordBatch, log: Log, mapping: Mapping | None, first: int, source_file: str
) -> Batch:
    batch = Batch(received=rows.num_rows, size=rows.nbytes)
    if mapping is None:
        batch.table = _clean_table(rows, log, first, source_file)
    if batch.table is not None:
        return batch
    for number, values in enumerate(_python_rows(rows), start=first):
        try:
            if isinstance(values, Rejected):
                raise values
            batch.rows.append(convert_row(log.name, mapping.apply(values) if mapping else values))
            batch.line_numbers.append(number)
        except Rejected as rejected:
            raw = json.dumps(values, default=str)[:_RAW_LIMIT]
            batch.refusals.append(Refusal(rejected.reason, rejected.detail, raw, number, None))
    return batch


def _clean_table(rows: pa.RecordBatch, log: Log, first: int, source_file: str) -> pa.Table | None:
    try:
        return clean_table(log, _in_contract_types(rows), first, source_file)
    except ValueError:
        return None


def _python_rows(rows: pa.RecordBatch) -> Iterator[dict[str, Any] | Rejected]:
    """Yield each row's values; a value that Python cannot hold costs its own row, not the batch."""
    try:
        yield from _in_contract_types(rows).to_pylist()
        return
    except (ValueError, OverflowError):
        pass
    for index in range(rows.num_rows):
        try:
            yield _in_contract_types(rows.slice(index, 1)).to_pylist()[0]
        except UnicodeDecodeError as error:
            yield Rejected(RejectionReason.NOT_UTF8, str(error))
        except (ValueError, OverflowError) as error:
            yield Rejected(RejectionReason.BAD_TIMESTAMP, str(error))
