"""The accounting of what came in, as tables in the warehouse: analysts and the audit read the same figures."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from revealed.landing import LedgerEntry
from revealed.settings import Settings

_LEDGER = pa.schema(
    [
        ("sha256", pa.string()),
        ("name", pa.string()),
        ("log", pa.string()),
        ("format", pa.string()),
        ("bytes", pa.int64()),
        ("received", pa.int64()),
        ("accepted", pa.int64()),
        ("duplicate", pa.int64()),
        ("quarantined", pa.int64()),
        ("erased", pa.int64()),
        ("revision", pa.int64()),
        ("landed_at", pa.string()),
    ]
)
_REASONS = pa.schema(
    [("sha256", pa.string()), ("log", pa.string()), ("reason", pa.string()), ("lines", pa.int64())]
)

_COMMENTS = (
    (
        "table ops.ledger",
        "One row per landed source file: received = accepted + duplicate + quarantined + erased.",
    ),
    (
        "table ops.quarantine_reasons",
        "One row per source file and rejection reason: how many lines were set aside.",
    ),
)


def write_ledger_tables(
    settings: Settings, con: duckdb.DuckDBPyConnection, entries: list[LedgerEntry]
) -> None:
    """Write `ops.ledger` and `ops.quarantine_reasons` from the ledger files."""
    files = [
        {name: getattr(entry, name) for name in _LEDGER.names}
        for entry in sorted(entries, key=lambda entry: entry.sha256)
    ]
    reasons = [
        {"sha256": entry.sha256, "log": entry.log, "reason": reason, "lines": lines}
        for entry in sorted(entries, key=lambda entry: entry.sha256)
        for reason, lines in sorted(entry.reasons.items())
    ]
    con.register("ledger_rows", pa.Table.from_pylist(files, schema=_LEDGER))
    con.register("reason_rows", pa.Table.from_pylist(reasons, schema=_REASONS))
    con.execute(
        "create or replace table ops.ledger as "
        "select * replace (cast(landed_at as timestamptz) at time zone 'UTC' as landed_at) from ledger_rows"
    )
    con.execute("create or replace table ops.quarantine_reasons as select * from reason_rows")
    for what, text in _COMMENTS:
        con.execute(f"comment on {what} is '{text}'")
    con.unregister("ledger_rows")
    con.unregister("reason_rows")
