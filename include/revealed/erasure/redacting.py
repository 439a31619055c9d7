"""Rows of other people that mention an erased id: the id becomes stars, wherever in the row it stands."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from revealed.erasure.containers import string_columns
from revealed.erasure.needles import Needles
from revealed.erasure.tombstones import IDENTITY_FIELDS, VISITOR


def rows_of_person(table: pa.Table, needles: Needles) -> pa.ChunkedArray | None:
    """Return which rows name one of the ids as the person or the visitor they are about; None where none does."""
    written = [prefix + told for told in sorted(needles.ids) for prefix in ("", VISITOR)]
    found, ids = None, pa.array(written, pa.string())
    for name in IDENTITY_FIELDS:
        if name in table.column_names:
            theirs = pc.fill_null(pc.is_in(table[name].cast(pa.string()), value_set=ids), False)
            found = theirs if found is None else pc.or_(found, theirs)
    return found if found is not None and pc.any(found).as_py() else None


def without(table: pa.Table, rows: pa.ChunkedArray | None) -> pa.Table:
    """Return the table without some of its rows."""
    return table if rows is None else table.filter(pc.invert(pc.fill_null(rows, False)))


def redacted(table: pa.Table, needles: Needles) -> tuple[pa.Table, int]:
    """Return the table with every mention of the ids as stars, and in how many values there was one."""
    touched: dict[str, int] = {}
    for column in table.column_names:
        for name, values, _ in string_columns(table.select([column])):
            theirs = needles.rows_of(name, values)
            if theirs is not None:
                touched[column] = touched.get(column, 0) + int(pc.sum(theirs).as_py() or 0)
    for column in touched:
        kind = table.schema.field(column).type
        values = pa.array([_starred(value, needles) for value in table[column].to_pylist()], kind)
        table = table.set_column(table.schema.get_field_index(column), table.schema.field(column), values)
    return table, sum(touched.values())


def _starred(value: Any, needles: Needles) -> Any:
    if isinstance(value, str):
        return needles.mask_text(value)
    if isinstance(value, list):
        return [_starred(part, needles) for part in value]
    if isinstance(value, dict):
        return {name: _starred(part, needles) for name, part in value.items()}
    return value
