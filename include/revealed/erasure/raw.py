"""The person's lines out of raw and quarantine: each source file's rows written again, and committed by its ledger entry.

The new Parquet files have new names, so that the ledger entry that names them is the one step by which they replace the old
ones; what no entry names is removed afterwards, as landing's own leftovers are. `received` stays, and what went is `erased`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from revealed import durable
from revealed.contracts import LOGS
from revealed.engines.duckdb import connect, literal
from revealed.erasure.needles import Needles
from revealed.erasure.redacting import redacted, rows_of_person, without
from revealed.faults import fault_point
from revealed.landing.keys import key_of
from revealed.landing.lander import move_into_place
from revealed.landing.ledger import LedgerEntry, Output, iso, read_ledger, write_entry
from revealed.landing.raw_schema import QUARANTINE_SCHEMA, dictionary_columns
from revealed.progress import Progress
from revealed.settings import Settings

STAGING = ".erasing"
_TELL_EVERY = 100


@dataclass(frozen=True)
class _Written:
    """A source file's Parquet written again: what the ledger is to say of it."""

    outputs: list[Output]
    quarantine: Output | None
    removed: int
    reasons: Counter[str]
    span: tuple[str | None, str | None]


def count_raw(settings: Settings, needles: Needles, progress: Progress) -> dict[str, int]:
    """Return what an erasure would take out of raw, and change nothing.

    That is `rows_<log>` (the person's), `quarantined` (refused lines that name them), `redacted` (values in rows of others
    that mention them) and `files` (source files concerned).
    """
    found: Counter[str] = Counter()
    entries = read_ledger(settings)
    for number, entry in enumerate(entries, start=1):
        _tell(progress, "raw: counting", number, len(entries))
        before = found.total()
        for output in entry.outputs:
            _, gone, mentions = _judged(settings, output, needles)
            found[f"rows_{entry.log}"] += gone
            found["redacted"] += mentions
        _, gone_refused, mentions = _judged_refusals(settings, entry, needles)
        found["quarantined"] += gone_refused.total()
        found["redacted"] += mentions
        found["files"] += found.total() > before
    return {name: count for name, count in sorted(found.items()) if count}


def erase_raw(settings: Settings, needles: Needles, progress: Progress) -> None:
    """Take the person out of raw and quarantine; the caller holds landing's lock.

    Safe to call again after a kill: what had been committed stays, the rest is done now.

    Raises:
        DamagedFileError: the ledger cannot be read.
    """
    staging = settings.raw / STAGING
    durable.remove_tree(staging)
    entries = read_ledger(settings)
    for number, entry in enumerate(entries, start=1):
        _tell(progress, "raw: taking lines out of source files", number, len(entries))
        written = _write_again(settings, entry, needles)
        if written is not None:
            _commit(settings, entry, written, needles)
        durable.remove_tree(staging)
    _count_again(settings, {entry.log for entry in read_ledger(settings) if entry.revision})
    remove_unlisted(settings)
    fault_point("erasure_raw_done")


def remove_unlisted(settings: Settings) -> list[Path]:
    """Remove the Parquet files of raw that no ledger entry names, and return them: nobody reads them."""
    listed = {
        settings.raw / output.path
        for entry in read_ledger(settings)
        for output in (*entry.outputs, *([entry.quarantine_output] if entry.quarantine_output else []))
    }
    folders = [settings.raw / log for log in LOGS] + [settings.quarantine]
    unlisted = [path for folder in folders for path in folder.rglob("*.parquet") if path not in listed]
    for path in unlisted:
        path.unlink()
    return unlisted


def _tell(progress: Progress, what: str, number: int, total: int) -> None:
    if number % _TELL_EVERY == 0 or number == total:
        progress(what, number, total)


def _write_again(settings: Settings, entry: LedgerEntry, needles: Needles) -> _Written | None:
    """Write the entry's files without the person into the staging folder; None where nothing is to change."""
    outputs, spans, removed = [], [], 0
    for output in entry.outputs:
        kept, gone, mentions = _judged(settings, output, needles)
        removed += gone
        if kept.num_rows:
            spans.append(pc.min_max(kept["received_at"]).as_py())
            outputs.append(_stage(settings, kept, output, entry) if gone or mentions else output)
    quarantine, reasons = _quarantine_again(settings, entry, needles)
    is_same = (outputs, quarantine) == (entry.outputs, entry.quarantine_output)
    if is_same and not needles.in_text(entry.name):
        return None
    return _Written(outputs, quarantine, removed, reasons, _span(spans))


def _judged(settings: Settings, output: Output, needles: Needles) -> tuple[pa.Table, int, int]:
    """Return the rows that stay, how many go, and how many values of those that stay mentioned the person."""
    table = pq.read_table(settings.raw / output.path, partitioning=None)
    kept, mentions = redacted(without(table, rows_of_person(table, needles)), needles)
    return kept, table.num_rows - kept.num_rows, mentions


def _judged_refusals(
    settings: Settings, entry: LedgerEntry, needles: Needles
) -> tuple[pa.Table, Counter[str], int]:
    """Return the refused lines that stay, the reasons of those that go, and how many values mentioned the person."""
    output = entry.quarantine_output
    if output is None:
        return QUARANTINE_SCHEMA.empty_table(), Counter(), 0
    table = pq.read_table(settings.raw / output.path, partitioning=None)
    reasons: Counter[str] = Counter()
    for column in ("raw", "detail"):
        theirs = needles.rows_of(column, table[column])
        if theirs is not None:
            reasons.update(table.filter(pc.fill_null(theirs, False))["reason"].to_pylist())
            table = without(table, theirs)
    table, mentions = redacted(table, needles)
    return table, reasons, mentions


def _quarantine_again(
    settings: Settings, entry: LedgerEntry, needles: Needles
) -> tuple[Output | None, Counter[str]]:
    table, reasons, mentions = _judged_refusals(settings, entry, needles)
    output = entry.quarantine_output
    if output is None or not (reasons or mentions):
        return output, reasons
    return _stage(settings, table, output, entry) if table.num_rows else None, reasons


def _stage(settings: Settings, table: pa.Table, output: Output, entry: LedgerEntry) -> Output:
    path = Path(output.path).with_name(f"{entry.source_file}-{entry.revision + 1}.parquet")
    target = settings.raw / STAGING / path
    target.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, target, compression="zstd", use_dictionary=dictionary_columns(table.schema))
    return Output(path=path.as_posix(), sha256=durable.sha256_file(target), rows=table.num_rows)


def _span(spans: list[dict[str, object]]) -> tuple[str | None, str | None]:
    firsts = [span["min"] for span in spans if span["min"] is not None]
    lasts = [span["max"] for span in spans if span["max"] is not None]
    return (iso(min(firsts)), iso(max(lasts))) if firsts else (None, None)  # type: ignore[type-var, arg-type]


def _commit(settings: Settings, entry: LedgerEntry, written: _Written, needles: Needles) -> None:
    staging = settings.raw / STAGING
    outputs = [*written.outputs, *([written.quarantine] if written.quarantine else [])]
    for output in outputs:
        if (staging / output.path).exists():
            move_into_place(staging / output.path, settings.raw / output.path)
    fault_point("erasure_raw_staged")
    write_entry(settings, _entry(entry, written, needles))
    fault_point("erasure_raw_committed")


def _entry(entry: LedgerEntry, written: _Written, needles: Needles) -> LedgerEntry:
    """Return the ledger entry of what is left; how many rows are `accepted` is counted once all files are done."""
    duplicate = min(entry.duplicate, entry.kept - written.removed)
    days = {output.path.split("event_date=")[1][:10]: output.rows for output in written.outputs}
    reasons = Counter(entry.reasons) - written.reasons
    gone = written.removed + written.reasons.total()
    return msgspec.structs.replace(
        entry,
        name=needles.mask_text(entry.name),
        accepted=entry.kept - written.removed - duplicate,
        duplicate=duplicate,
        quarantined=entry.quarantined - written.reasons.total(),
        erased=entry.erased + gone,
        reasons=dict(sorted(reasons.items())),
        days=dict(sorted(days.items())),
        outputs=written.outputs,
        quarantine_output=written.quarantine,
        first_received_at=written.span[0],
        last_received_at=written.span[1],
        revision=entry.revision + 1,
    )


def _count_again(settings: Settings, logs: Iterable[str]) -> None:
    """Say of each source file anew how many of its rows were the first of their key, in the order of landing."""
    entries = sorted(read_ledger(settings), key=lambda entry: (entry.landed_at, entry.sha256))
    for log in logs:
        concerned = [entry for entry in entries if entry.log == log]
        accepted = _first_of_their_key(settings, log, concerned)
        for number, entry in enumerate(concerned):
            new = accepted.get(number, 0)
            if new != entry.accepted:
                counted = msgspec.structs.replace(entry, accepted=new, duplicate=entry.kept - new)
                write_entry(settings, counted)


def _first_of_their_key(settings: Settings, log: str, entries: list[LedgerEntry]) -> dict[int, int]:
    """Return, by a file's place in `entries`, how many keys no earlier file holds."""
    parts = [
        f"select {number} as landed, {key_of(LOGS[log])} as key from read_parquet({_listed(settings, entry)})"
        for number, entry in enumerate(entries)
        if entry.outputs
    ]
    if not parts:
        return {}
    con = connect(settings)
    try:
        rows = con.execute(
            "select landed, count(*) from (select min(landed) as landed from "
            f"({' union all '.join(parts)}) group by key) group by 1"
        ).fetchall()
    finally:
        con.close()
    return dict(rows)


def _listed(settings: Settings, entry: LedgerEntry) -> str:
    return f"[{', '.join(literal(settings.raw / output.path) for output in entry.outputs)}]"
