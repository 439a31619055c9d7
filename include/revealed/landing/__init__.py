"""From dropped files to typed raw Parquet by day, with every line accounted for."""

from __future__ import annotations

from revealed.landing.ingest import ingest_landing, ingest_path, land_file
from revealed.landing.ledger import LedgerEntry, Output, read_ledger
from revealed.landing.report import IngestReport

__all__ = [
    "IngestReport",
    "LedgerEntry",
    "Output",
    "ingest_landing",
    "ingest_path",
    "land_file",
    "read_ledger",
]
