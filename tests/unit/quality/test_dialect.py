"""What the audit's dialect says of columns is what duckdb-engine says of them by a far longer way."""

from __future__ import annotations

import warnings
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa
from duckdb_engine import Dialect

from revealed.quality import dialect

_TABLE = """
create schema marts;
create table marts.t (
    a bigint not null, b integer, c smallint, d double, e float, f varchar, g boolean, h date, i timestamp,
    j decimal(18, 3), k float[], l struct(x integer, y varchar), "M n" timestamp, o uuid
);
create view marts.v as select f, d, a + 1 as more from marts.t;
create table t (other integer);
"""


def described(columns: list[dict[str, Any]]) -> list[tuple[str, str, Any]]:
    return [(column["name"], repr(column["type"]), column["default"]) for column in columns]


@pytest.mark.parametrize("name", ["t", "v"])
def test_columns_are_those_that_duckdb_engine_finds(name: str) -> None:
    dialect.register()
    con = duckdb.connect()
    con.execute(_TABLE)
    engine = sa.create_engine("duckdb://", connect_args={"open_cursor": con.cursor})
    with engine.connect() as connection, warnings.catch_warnings():
        warnings.simplefilter("ignore", sa.exc.SAWarning)  # theirs: "did not recognize"
        theirs = Dialect.get_columns(engine.dialect, connection, name, "marts")
        ours = sa.inspect(connection).get_columns(name, "marts")
        assert sa.inspect(connection).get_pk_constraint(name, "marts")["constrained_columns"] == []
    engine.dispose()
    assert described(ours) == described(theirs)
    assert len(ours) == (14 if name == "t" else 3)
    assert all(column["nullable"] for column in ours) == (name == "v")
