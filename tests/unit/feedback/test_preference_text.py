"""Pairs as text: what a prompt may know, what it says, and that reward-model trainers can read the file."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from planted_world import SCHEMA, World, settings_in, write_warehouse

from revealed.feedback import write_dataset
from revealed.feedback.preferences import preferences_query

SHOWN = datetime.fromisoformat("2026-01-10 12:00:00")


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute(SCHEMA)
    con.execute("create table marts.dim_items (item_id varchar, title varchar, text varchar)")
    con.execute(
        "insert into marts.dim_items values ('a', 'Apples', 'Red.'), ('b', 'Bears\n and  honey', null), ('c', ' ', '')"
    )
    for number in range(9):
        con.execute("insert into marts.dim_items values (?, ?, '')", [f"old{number}", f"Old {number}"])
    pair(con, "a", "b")
    listed(con)
    return con


def listed(
    con: duckdb.DuckDBPyConnection,
    *,
    query: str | None = None,
    logged: str = "ann",
    known: float | None = None,
    request: str = "r",
) -> None:
    """The list as logged; `known`: so many minutes before it was shown, its visitor was recognised as ann."""
    con.execute("delete from intermediate.int_impressions_resolved where request_id = ?", [request])
    for item in ("a", "b"):
        con.execute(
            "insert into intermediate.int_impressions_resolved values (?, ?, 'ann', ?, ?, ?)",
            [request, item, logged, None if known is None else SHOWN - timedelta(minutes=known), query],
        )


def pair(con: duckdb.DuckDBPyConnection, chosen: str, rejected: str, request: str = "r") -> None:
    con.execute(
        "insert into marts.feedback_pairs values (?, ?, 'ann', 'home', 'm1', 'p', ?, ?, ?, 2, 1, 0.5, "
        "'engaged_over_skipped', '2026-01', timestamp '2026-02-01')",
        [f"{request}-{chosen}-{rejected}", request, SHOWN, chosen, rejected],
    )


def engaged(
    con: duckdb.DuckDBPyConnection,
    item: str,
    ago: float,
    *,
    who: str = "ann",
    what: str = "click",
    logged: str | None = None,
    known: float | None = None,
) -> None:
    """An event received so many minutes before the list was shown; `logged`, `known`: of a visitor recognised then."""
    con.execute(
        "insert into marts.fct_events values ('e', ?, ?, ?, ?, ?, ?)",
        [
            what,
            who,
            logged or who,
            None if known is None else SHOWN - timedelta(minutes=known),
            item,
            SHOWN - timedelta(minutes=ago),
        ],
    )


def prompt(con: duckdb.DuckDBPyConnection) -> str:
    ((text,),) = {row[:1] for row in con.execute(preferences_query("marts.feedback_pairs")).fetchall()}
    return str(text)


def test_the_prompt_tells_surface_search_and_past(con: duckdb.DuckDBPyConnection) -> None:
    listed(con, query=" solar\n panels ")
    listed(con, query="wind", request="other")
    engaged(con, "b", 30)
    engaged(con, "old1", 20)
    assert prompt(con) == (
        "Surface: home\nSearch: solar panels\nRecently engaged with:\n- Old 1\n- Bears and honey"
    )


def test_without_a_past_or_a_search_the_prompt_is_the_surface(con: duckdb.DuckDBPyConnection) -> None:
    assert prompt(con) == "Surface: home"


def test_the_prompt_knows_nothing_that_was_not_known_then(con: duckdb.DuckDBPyConnection) -> None:
    engaged(con, "old0", 1)
    engaged(con, "old1", 0)  # the very moment
    engaged(con, "old2", -1)
    engaged(con, "old3", 5, who="bob")
    engaged(con, "old4", 5, what="impression")
    assert prompt(con) == "Surface: home\nRecently engaged with:\n- Old 0"


def test_a_visitor_recognised_before_the_list_brings_their_past_along(con: duckdb.DuckDBPyConnection) -> None:
    listed(con, logged="anon:v", known=10)
    engaged(con, "old0", 60)
    engaged(con, "old1", 50, logged="anon:v", known=10)
    assert prompt(con) == "Surface: home\nRecently engaged with:\n- Old 1\n- Old 0"


def test_a_visitor_recognised_after_the_list_was_only_a_visitor_then(con: duckdb.DuckDBPyConnection) -> None:
    listed(con, logged="anon:v", known=-10)
    engaged(con, "old0", 60)
    engaged(con, "old1", 50, logged="anon:v", known=-10)
    engaged(con, "old2", 40, logged="anon:w", known=-10)
    assert prompt(con) == "Surface: home\nRecently engaged with:\n- Old 1"


def test_what_a_person_did_as_a_visitor_counts_from_when_they_were_recognised(
    con: duckdb.DuckDBPyConnection,
) -> None:
    engaged(con, "old0", 50, logged="anon:v", known=20)
    engaged(con, "old1", 40)
    engaged(con, "old2", 50, logged="anon:w", known=-20)
    assert prompt(con) == "Surface: home\nRecently engaged with:\n- Old 0\n- Old 1"


def test_the_last_five_items_count_once_each_whatever_arrived_together(
    con: duckdb.DuckDBPyConnection,
) -> None:
    for number in range(7):
        engaged(con, f"old{number}", 100 - number)
    engaged(con, "old6", 1)  # again, and not a further item
    engaged(con, "old8", 90)
    engaged(con, "old7", 90)  # at one moment: ordered by id
    lines = prompt(con).splitlines()[2:]
    assert lines == ["- Old 8", "- Old 7", "- Old 6", "- Old 5", "- Old 4"]


def test_items_are_title_and_text_or_at_least_their_id(con: duckdb.DuckDBPyConnection) -> None:
    pair(con, "c", "unknown", request="s")
    listed(con, request="s")
    rows = con.execute(preferences_query("marts.feedback_pairs")).fetchall()
    assert [row[1:3] for row in rows] == [("Apples\n\nRed.", "Bears and honey"), ("Item c", "Item unknown")]


def test_a_trainer_can_read_the_file(tmp_path: Path) -> None:
    """TRL's explicit-prompt preference format: three text columns, none of them null."""
    warehouse = write_warehouse(tmp_path / "w.duckdb", World(users=12, items=20))
    con = duckdb.connect(str(warehouse))
    for number in range(3):
        pair(con, f"i000{number}", "i0009", f"r{number}")
        listed(con, request=f"r{number}")
    con.close()
    manifest = write_dataset(settings_in(tmp_path / "home"), warehouse)
    table = pq.read_table(manifest.file("pairs.parquet"))
    assert table.column_names == [
        "prompt", "chosen", "rejected", "weight", "source", "pair_id", "request_id", "user_id", "chosen_item_id",
        "rejected_item_id", "model_version", "occurred_at", "policy_version",
    ]  # fmt: skip
    assert [table.schema.field(name).type for name in table.column_names[:3]] == [pa.string()] * 3
    assert table.schema.field("weight").type == pa.float64()
    assert table.schema.field("occurred_at").type == pa.timestamp("us")
    assert [table[name].null_count for name in table.column_names] == [0] * 13
    first = table.slice(0, 1).to_pylist()[0]
    assert first["prompt"] == "Surface: home"
    assert first["chosen"] == "Item 0\n\nAbout taste 0."
