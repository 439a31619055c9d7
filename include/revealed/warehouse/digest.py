"""What is in a warehouse file: how many rows, and whether two files hold the same ones."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from revealed.engines.duckdb import connect
from revealed.errors import MissingInputError
from revealed.settings import Settings
from revealed.warehouse.pointer import folder_of, generation_folders, read_manifest


@dataclass(frozen=True)
class WarehouseDigest:
    """A published generation's content: `marts` has rows and an order-free hash for each table and view."""

    generation: int
    as_of: str
    marts: dict[str, dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {"generation": self.generation, "as_of": self.as_of, "marts": self.marts}


def digest_published(settings: Settings, generation: int | None = None) -> WarehouseDigest:
    """Return the digest of a published generation, of the one in service where none is named. Reads every row.

    Raises:
        NothingPublishedError: no warehouse has been published yet.
        MissingInputError: this generation is not kept, or never was.
    """
    manifest = read_manifest(settings) if generation is None else _manifest_of(settings, generation)
    folder = folder_of(settings, manifest["generation"])
    return WarehouseDigest(
        manifest["generation"], manifest["as_of"], digest_file(settings, folder / "warehouse.duckdb")
    )


def digest_file(settings: Settings, database: Path) -> dict[str, dict[str, Any]]:
    """Return rows and an order-free digest for every mart of a warehouse file, opened for reading."""
    con = connect(settings, database, read_only=True)
    try:
        return content_hashes(con)
    finally:
        con.close()


def content_hashes(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Any]]:
    """Return rows and an order-free digest for every table and view of `marts`: equal digests mean equal rows."""
    names = con.execute(
        "select table_name from information_schema.tables where table_schema = 'marts' order by 1"
    ).fetchall()
    content: dict[str, dict[str, Any]] = {}
    for (name,) in names:
        row = con.execute(
            f'select count(*), coalesce(sum(cast(hash(mart) as hugeint)), 0) from marts."{name}" as mart'
        ).fetchone()
        assert row is not None
        content[name] = {"rows": row[0], "hash": f"{row[1]:x}"}
    return content


def row_counts(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Any]]:
    """Return the rows of every mart that is a table; a view would have to be worked out to be counted."""
    names = con.execute(
        "select table_name from duckdb_tables() where schema_name = 'marts' order by 1"
    ).fetchall()
    counts: dict[str, dict[str, Any]] = {}
    for (name,) in names:
        row = con.execute(f'select count(*) from marts."{name}"').fetchone()
        assert row is not None
        counts[name] = {"rows": row[0]}
    return counts


def _manifest_of(settings: Settings, generation: int) -> dict[str, Any]:
    path = folder_of(settings, generation) / "manifest.json"
    if not path.is_file():
        kept = ", ".join(str(int(folder.name)) for folder in generation_folders(settings)) or "none"
        raise MissingInputError(
            f"warehouse generation {generation} is not kept",
            where=str(path.parent),
            remedy=f"choose one of: {kept}",
        )
    manifest: dict[str, Any] = json.loads(path.read_bytes())
    return manifest
