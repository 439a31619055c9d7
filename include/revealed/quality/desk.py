"""The audit's desk: where a candidate's tables lie to be judged, each view worked out once, and only what may have changed.

Great Expectations asks several questions about every column; asked of a view, each works the whole view out again. So the
desk is a DuckDB in memory with the candidate attached read only: a view onto each of its tables and, for a mart that is a
view, a table of the rows that this build may have changed (docs/decisions/quality-audit-reads-what-changed.md).
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from revealed.engines.duckdb import connect, literal
from revealed.quality.suite import Suite
from revealed.settings import Settings

_CANDIDATE = "candidate"
_RELATIONS = f"""
select schema_name, table_name, false from duckdb_tables() where database_name = '{_CANDIDATE}'
union all
select schema_name, view_name, true from duckdb_views() where database_name = '{_CANDIDATE}' and not internal
"""

# What the conditions of the suites may name: each a query of one value, asked of the candidate's own plan and policy.
_MOMENTS = {
    "since": "select window_start from ops.build_plan",
    "labels_since": "select (select window_start from ops.build_plan) - to_hours(cast(max(maturity_window_hours) as bigint))"
    " from policy.signal_policy where is_engagement",
}


class Desk:
    """The opened desk; what is laid out stays until no later suite names it."""

    def __init__(self, con: duckdb.DuckDBPyConnection, suites: Sequence[Suite]) -> None:
        self._con = con
        self._suites = suites
        self._views: set[str] = set()
        self._laid_out: set[str] = set()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a connection of its own to the desk."""
        return self._con.cursor()

    def show_candidate(self) -> None:
        """Give every table and view of the candidate its name on the desk."""
        for schema, name, is_view in self._con.execute(_RELATIONS).fetchall():
            self._con.execute(f'create schema if not exists "{schema}"')
            self._con.execute(f'create view "{schema}"."{name}" as from {_CANDIDATE}."{schema}"."{name}"')
            if is_view:
                self._views.add(f"{schema}.{name}")

    def lay_out(self, suite: Suite) -> None:
        """Make the suite's table ready; where it is a view, work it out, and clear away what nobody needs any more."""
        self._clear(self._suites[self._suites.index(suite) :])
        if suite.name not in self._views:
            return
        columns = ", ".join(f'"{column}"' for column in self._columns(suite)) or "*"
        worked_out = f"select {columns} from {_CANDIDATE}.{suite.name} where {self._condition(suite)}"
        self._con.execute(f"drop view {suite.name}")
        self._con.execute(f"create table {suite.name} as {worked_out}")
        self._views.discard(suite.name)
        self._laid_out.add(suite.name)

    def _columns(self, suite: Suite) -> list[str]:
        """The columns that a suite which reads this table names: no others are worked out."""
        readers = [words for words in map(_words, self._suites) if suite.table in words]
        words = set().union(*readers)
        described = self._con.execute(f"describe {suite.name}").fetchall()
        return [row[0] for row in described if row[0] in words]

    def _condition(self, suite: Suite) -> str:
        """Which rows this build may have changed, as SQL with the moments in place; everything from scratch."""
        if suite.changed is None or self._moment("since") is None:
            return "true"
        named = re.findall(r"{(\w+)}", suite.changed)
        return suite.changed.format(
            **{name: f"timestamp {literal(str(self._moment(name)))}" for name in named}
        )

    def _moment(self, name: str) -> Any:
        (found,) = self._con.execute(_MOMENTS[name]).fetchall()  # no plan, no audit
        return found[0]

    def _clear(self, suites: Sequence[Suite]) -> None:
        needed = {word for suite in suites for word in _words(suite)}
        for name in [name for name in self._laid_out if name.split(".")[1] not in needed]:
            self._con.execute(f"drop table {name}")
            self._laid_out.discard(name)


@contextmanager
def open_desk(settings: Settings, database: Path, suites: Sequence[Suite]) -> Iterator[Desk]:
    """Yield the desk with the candidate file `database` on it; nothing of it is left afterwards.

    Args:
        settings: DuckDB's limits; what exceeds the memory limit goes to a temporary folder that is removed.
        database: attached read only.
        suites: what will be asked, in this order.

    Raises:
        duckdb.Error: the file is missing, held by a writer, or no database.
    """
    with tempfile.TemporaryDirectory(prefix="revealed-audit-") as spill:
        con = connect(settings)
        try:
            con.execute(f"set temp_directory = {literal(spill)}")
            con.execute("set preserve_insertion_order = false")
            con.execute(f"attach {literal(database.resolve())} as {_CANDIDATE} (read_only)")
            desk = Desk(con, suites)
            desk.show_candidate()
            yield desk
        finally:
            con.close()


def _words(suite: Suite) -> set[str]:
    """Every name that the suite could mean: of its table, its columns, and what its queries read."""
    texts = [suite.table, *suite.keys]
    for expectation in suite.expectations:
        texts.append(str((expectation.meta or {}).get("query", "")))
        texts.append(str(expectation.configuration.kwargs.get("column", "")))
    return set(re.findall(r"\w+", " ".join(texts)))
