"""The snapshot's own catalogue: what each item is, whether it may be shown, and how many like it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from revealed.engines.duckdb import literal
from revealed.engines.parquet import columns_of
from revealed.feedback import DatasetManifest
from revealed.publishing.manifest import ITEMS
from revealed.publishing.rules import Filter, Rules
from revealed.training.matrix import Ids, positions
from revealed.training.protocol import NOTHING

FIELDS = ("title", "topic", "format", "author")


@dataclass(frozen=True)
class Catalogue:
    """A snapshot's items (ascending ids) with the fields that rules speak of; None where a value is unknown."""

    items: Ids
    fields: dict[str, Ids]
    may_be_shown: NDArray[np.bool_]

    @property
    def hidden(self) -> Ids:
        """The items that no list may hold: unavailable, or refused by a filter that holds everywhere."""
        found: Ids = self.items[~self.may_be_shown]
        return found

    def may_show(self, item: str) -> bool:
        """Return whether the item exists and may be shown."""
        at = self._at(item)
        return at >= 0 and bool(self.may_be_shown[at])

    def fields_of(self, item: str) -> dict[str, str | None]:
        """Return what is known of an item; of one that does not exist its id alone."""
        at = self._at(item)
        known = {name: values[at] for name, values in self.fields.items()} if at >= 0 else {}
        return known | {"item_id": item}

    def _at(self, item: str) -> int:
        return int(positions([item], self.items)[0])

    def groups(self, space: Ids, field: str) -> NDArray[np.int32]:
        """Return a number for each item of `space`, the same for the same value of the field; `NOTHING` where unknown."""
        at = positions(space, self.items)
        values = self.fields[field][at]
        is_known = (at >= 0) & np.array([value is not None for value in values], dtype=bool)
        found = np.full(len(space), NOTHING, dtype=np.int32)
        if is_known.any():
            found[is_known] = np.unique(values[is_known].astype(str), return_inverse=True)[1]
        return found


def write_items(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    dataset: DatasetManifest,
    described: Ids,
    rules: Rules,
) -> int:
    """Write the catalogue and every item that somebody has feedback on; one without a catalogue row is available.

    `described` are the items of whose content something is known: `has_content`. `is_allowed` says what the rules'
    filters that hold everywhere say, and `likes` how many people like the item.
    """
    con.register("described", pa.table([pa.array(described, pa.string())], names=["item_id"]))
    fields = _fields_sql(con, dataset)
    copied = con.execute(
        f"""copy (
        select item_id, {", ".join(FIELDS)}, coalesce(is_available, true) as is_available,
            {allowed_sql(rules.filters_on(None))} as is_allowed,
            item_id in (select item_id from described) as has_content, coalesce(likes, 0)::bigint as likes
        from (
            select item_id, count(*) filter (confidence > 0) as likes
            from read_parquet({literal(dataset.file("interactions.parquet"))}) group by item_id
        )
        full join (
            select item_id, is_available, {fields} from read_parquet({literal(dataset.file("items.parquet"))})
        ) using (item_id)
        order by item_id
        ) to {literal(folder / ITEMS)} (format parquet, compression zstd)"""
    ).fetchone()
    return int(copied[0]) if copied else 0


def read_catalogue(folder: Path) -> Catalogue:
    """Return the catalogue that `write_items` wrote into the folder."""
    return _catalogue(pq.read_table(folder / ITEMS))


def read_dataset_catalogue(
    con: duckdb.DuckDBPyConnection, dataset: DatasetManifest, rules: Rules
) -> Catalogue:
    """Return the catalogue that a snapshot of the dataset would have, of the items that have a catalogue row.

    An item without one is available, and only its id is known.
    """
    found = con.execute(
        f"""select item_id, {", ".join(FIELDS)}, coalesce(is_available, true) as is_available,
            {allowed_sql(rules.filters_on(None))} as is_allowed
        from (
            select item_id, is_available, {_fields_sql(con, dataset)}
            from read_parquet({literal(dataset.file("items.parquet"))})
        ) order by item_id"""
    )
    return _catalogue(found.to_arrow_table())


def _fields_sql(con: duckdb.DuckDBPyConnection, dataset: DatasetManifest) -> str:
    """Return the columns of the dataset's items that rules speak of; null where a dataset has no such column."""
    known = columns_of(con, dataset.file("items.parquet"), ("item_id", "is_available"))
    return ", ".join(name if name in known else f"null::varchar as {name}" for name in FIELDS)


def _catalogue(table: pa.Table) -> Catalogue:
    columns = {name: np.asarray(table[name].to_numpy(), dtype=object) for name in ("item_id", *FIELDS)}
    shown = np.asarray(table["is_available"]) & np.asarray(table["is_allowed"])
    return Catalogue(columns.pop("item_id"), columns, np.asarray(shown, dtype=bool))


def allowed_sql(filters: tuple[Filter, ...]) -> str:
    """Return a SQL condition over an item's columns: whether all filters let it pass. `Rules.allows` says the same."""
    return " and ".join(map(_passes_sql, filters)) or "true"


def _passes_sql(rule: Filter) -> str:
    column = "item_id" if rule.field == "item" else rule.field
    named = ", ".join(literal(value) for value in rule.allow or rule.deny)
    if rule.allow:
        return f"coalesce({column} in ({named}), false)"
    return f"coalesce({column} not in ({named}), true)"
