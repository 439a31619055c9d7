"""A log of what a policy showed, with which probability, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from revealed.engines.duckdb import connect, literal
from revealed.engines.parquet import columns_of
from revealed.errors import InvalidInputError, NoDataError
from revealed.settings import Settings

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_REQUIRED = ("item_id", "position", "propensity", "reward")
_OPTIONAL = ("user_id", "context")


@dataclass(frozen=True)
class PolicyLog:
    """One entry a shown item. Codes count from 0.

    Attributes:
        item, position, context: which, as codes into `items`, `positions` and `contexts`.
        person: whose rows belong together; every row is a person of its own where the log names nobody.
        propensity: the rank marginal, the probability that the logging policy shows this item at this position.
        reward: what came of it.
        items, positions, contexts: the names behind the codes; one context, '', where the log has none.
    """

    item: Ints
    position: Ints
    context: Ints
    person: Ints
    propensity: Floats
    reward: Floats
    items: list[str]
    positions: list[int]
    contexts: list[str]

    @property
    def rows(self) -> int:
        """How many shown items."""
        return len(self.item)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Contexts, positions, items."""
        return len(self.contexts), len(self.positions), len(self.items)


def read_policy_log(settings: Settings, path: Path) -> PolicyLog:
    """Read a Parquet file of `item_id`, `position`, `propensity`, `reward` and, if there are, `user_id` and `context`.

    Raises:
        MissingInputError: there is no such file.
        InvalidInputError: it is not Parquet, lacks a column, or holds a value that means nothing.
        NoDataError: it has no rows.
    """
    rows = read_columns(settings, path, _REQUIRED, _OPTIONAL)
    table = _typed(rows, path)
    return policy_log(table)


def read_columns(
    settings: Settings, path: Path, required: tuple[str, ...], optional: tuple[str, ...]
) -> pa.Table:
    """Return the named columns of a Parquet file, those of `optional` that it has.

    Raises:
        MissingInputError: there is no such file.
        InvalidInputError: it is not Parquet or lacks a required column.
        NoDataError: it has no rows.
    """
    con = connect(settings)
    try:
        found = columns_of(con, path, required)
        named = ", ".join(f'"{name}"' for name in (*required, *optional) if name in found)
        table = con.execute(f"select {named} from read_parquet({literal(path)})").to_arrow_table()
    finally:
        con.close()
    if not table.num_rows:
        raise NoDataError("there are no rows", where=str(path))
    return table


def policy_log(table: pa.Table) -> PolicyLog:
    """Return the log in a table of typed columns (see `read_policy_log`), names in the order of their appearance."""
    item, items = coded(table["item_id"])
    context, contexts = coded(table["context"]) if "context" in table.column_names else (None, [""])
    person, _ = coded(table["user_id"]) if "user_id" in table.column_names else (None, [])
    positions, position = np.unique(table["position"].to_numpy(), return_inverse=True)
    return PolicyLog(
        item=item,
        position=position.astype(np.int64),
        context=np.zeros(len(item), dtype=np.int64) if context is None else context,
        person=np.arange(len(item), dtype=np.int64) if person is None else person,
        propensity=table["propensity"].to_numpy(),
        reward=table["reward"].to_numpy(),
        items=items,
        positions=[int(place) for place in positions],
        contexts=contexts,
    )


def coded(column: pa.ChunkedArray) -> tuple[Ints, list[str]]:
    """Return a text column's codes and the texts behind them; a null counts as a text of its own, ''."""
    texts = pc.fill_null(column.cast(pa.string()), "").combine_chunks().dictionary_encode()
    return texts.indices.to_numpy().astype(np.int64), texts.dictionary.to_pylist()


def _typed(table: pa.Table, path: Path) -> pa.Table:
    """Return the table with numbers as numbers, after a look at every value."""
    numbers = {"position": pa.int64(), "propensity": pa.float64(), "reward": pa.float64()}
    for name, kind in numbers.items():
        try:
            column = table[name].cast(kind)
        except pa.ArrowInvalid as error:
            raise InvalidInputError(
                f"{name} holds something that is no {kind}", where=str(path), remedy=str(error)
            ) from error
        table = table.set_column(table.column_names.index(name), name, column)
    for name in _REQUIRED:
        _refuse(table[name].null_count, f"have no {name}", path)
    propensity = table["propensity"].to_numpy()
    _refuse(int((~((propensity > 0) & (propensity <= 1))).sum()), "have a propensity outside of (0, 1]", path)
    _refuse(int((~np.isfinite(table["reward"].to_numpy())).sum()), "have a reward that is not finite", path)
    _refuse(int((table["position"].to_numpy() < 1).sum()), "have a position below 1", path)
    return table


def _refuse(rows: int, what: str, path: Path) -> None:
    if rows:
        raise InvalidInputError(
            f"{rows:,} rows {what}",
            where=str(path),
            remedy="leave these rows out, or log what was meant; an unknown propensity is not 1",
        )
