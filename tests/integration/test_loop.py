"""The loop without Airflow, as people run it: the `revealed` command on a small invented world."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
from home_contents import assert_whole
from shell import result, revealed

pytestmark = [pytest.mark.integration]


@pytest.fixture(scope="module")
def home(once_around: Path) -> Path:
    return once_around


def test_every_line_is_accounted_for(home: Path) -> None:
    found = result(revealed(home, "sql", "select log, sum(received) as r, sum(accepted + duplicate + quarantined) as c, "
                            "sum(quarantined) as q from ops.ledger group by log", "--json"))  # fmt: skip
    rows = found["rows"]
    assert isinstance(rows, list)
    assert {row["log"] for row in rows} == {"events", "inferences", "items", "users"}
    assert all(row["r"] == row["c"] for row in rows)
    kept = "('original', 'late', 'repeated_in_file', 'resent_next_day', 'retried')"
    truth = duckdb.sql(
        f"select log, sum(lines) from '{home}/simulation/truth/dirty.parquet' where kind not in {kept} group by 1"
    )
    planted = dict(truth.fetchall())
    assert {row["log"]: row["q"] for row in rows if row["q"]} == {log: n for log, n in planted.items() if n}


def test_a_person_gets_a_list_of_new_things(home: Path) -> None:
    con = duckdb.connect(str((home / "published" / "warehouse.duckdb").resolve()), read_only=True)
    user, consumed = con.execute(
        "select user_id, list(item_id) from marts.feedback_user_item where is_consumed and user_id not like 'anon:%' "
        "group by 1 order by count(*) desc, 1 limit 1"
    ).fetchall()[0]
    known = {
        row[0] for row in con.execute("select item_id from marts.dim_items where is_available").fetchall()
    }
    con.close()
    found = result(revealed(home, "recommend", user, "-k", "10", "--json"))
    recommendations = found["recommendations"]
    assert isinstance(recommendations, list)
    items = [entry["item_id"] for entry in recommendations]
    assert len(set(items)) == 10
    assert set(items) <= known
    assert not set(items) & set(consumed)
    assert [entry["rank"] for entry in recommendations] == list(range(1, 11))


def test_somebody_unknown_gets_the_fallback(home: Path) -> None:
    found = result(revealed(home, "recommend", "nobody-we-know", "-k", "5", "--json"))
    recommendations = found["recommendations"]
    assert isinstance(recommendations, list)
    assert found["is_known"] is False
    assert [entry["source"] for entry in recommendations] == ["fallback"] * 5


@pytest.mark.slow  # a shorter sibling: chaos/test_warehouse_kills has readers while others publish
def test_an_analyst_who_keeps_the_file_open_disturbs_nobody_and_keeps_their_version(home: Path) -> None:
    path = (home / "published" / "warehouse.duckdb").resolve()
    reader = duckdb.connect(str(path), read_only=True)
    before = reader.execute("select max(as_of), count(*) from marts.fct_impressions").fetchone()
    second = result(revealed(home, "run", "--through", "2026-01-11", "--json"))
    assert second["warehouse_generation"] == 2
    assert reader.execute("select max(as_of), count(*) from marts.fct_impressions").fetchone() == before
    reader.close()
    fresh = result(revealed(home, "sql", "select max(as_of) as as_of from marts.fct_impressions", "--json"))
    assert fresh["rows"] == [{"as_of": "2026-01-12 00:00:00"}]


@pytest.mark.slow  # shorter siblings: test_warehouse_kills builds a moment again, test_snapshots publishes twice
def test_the_same_run_again_leaves_the_same_data(home: Path) -> None:
    def manifest() -> dict[str, object]:
        folder = (home / "published" / "warehouse.duckdb").resolve().parent
        content: dict[str, object] = json.loads((folder / "manifest.json").read_bytes())
        return content

    def digests() -> object:
        return result(revealed(home, "warehouse", "digest", "--json"))["marts"]

    before, content = manifest(), digests()
    datasets = sorted(path.name for path in (home / "datasets").iterdir())
    snapshot = (home / "published" / "recommendations" / "CURRENT").read_text()
    done = result(revealed(home, "run", "--through", "2026-01-11", "--json"))
    after = manifest()
    assert done["warehouse_generation"] == int(str(before["generation"])) + 1
    assert after["content"] == before["content"]
    assert digests() == content
    old = result(revealed(home, "warehouse", "digest", "--generation", str(before["generation"]), "--json"))
    assert (old["generation"], old["marts"]) == (before["generation"], content)
    assert sorted(path.name for path in (home / "datasets").iterdir()) == datasets
    assert snapshot


@pytest.mark.slow  # shorter siblings: quality/test_gate names broken rows, test_warehouse_kills keeps what is in service
def test_a_broken_row_stops_the_publish_and_is_named(home: Path) -> None:
    """A raw file damaged by hand: dbt's models build, the audit says which rows, the old warehouse serves on."""
    generation = result(revealed(home, "snapshot", "show", "--json"))["generation"]
    in_service = (home / "published" / "warehouse.duckdb").resolve()
    day = home / "raw" / "events" / "event_date=2026-01-12"
    victim = sorted(day.glob("*.parquet"))[0]
    whole = victim.read_bytes()
    broken = home / "broken.parquet"
    duckdb.sql(
        f"copy (select * replace (case when source_line = (select min(source_line) from '{victim}') then 1.75 "
        f"else scroll_depth end as scroll_depth) from '{victim}') to '{broken}' (format parquet)"
    )
    broken.replace(victim)
    try:
        done = revealed(home, "run", "--through", "2026-01-12")
    finally:
        victim.write_bytes(whole)
    row = duckdb.sql(f"select event_id from '{victim}' order by source_line limit 1").fetchone()
    assert row is not None
    assert done.returncode == 6, done.stderr
    assert "marts.fct_events.scroll_depth" in done.stderr
    assert row[0] in done.stderr
    assert "1.75" in done.stderr
    assert (home / "published" / "warehouse.duckdb").resolve() == in_service
    assert result(revealed(home, "snapshot", "show", "--json"))["generation"] == generation
    assert len(result(revealed(home, "recommend", "nobody", "--json"))["recommendations"]) == 10  # type: ignore[arg-type]


def test_an_earlier_moment_never_replaces_a_later_one(home: Path) -> None:
    done = revealed(home, "run", "--through", "2026-01-05")
    assert done.returncode == 12
    assert "newer" in done.stderr


@pytest.mark.slow  # a shorter sibling: test_touched_keys builds in steps
def test_an_empty_day_changes_nothing_but_the_moment(home: Path) -> None:
    """A month after the last line: no new rows, everything matured, and still a whole snapshot."""
    before = result(revealed(home, "snapshot", "show", "--json"))["generation"]
    done = result(revealed(home, "run", "--through", "2026-02-20", "--json"))
    assert done["snapshot_generation"] == before + 1
    query = (
        "select count(*) filter (where not is_mature) as n, max(impression_date) < '2026-02-01' as is_over "
        "from marts.fct_impressions"
    )
    assert result(revealed(home, "sql", query, "--json"))["rows"] == [{"n": 0, "is_over": True}]
    assert_whole(home)
    with duckdb.connect(str((home / "published" / "warehouse.duckdb").resolve()), read_only=True) as con:
        mended = con.execute(
            "select count(*), count(events.event_id) from (select distinct event_id from "
            f"read_parquet('{home}/raw/events/event_date=2026-01-12/*.parquet')) as raw "
            "left join marts.fct_events as events on raw.event_id = events.event_id"
        ).fetchone()
    assert mended is not None
    assert mended[0] == mended[1] > 0, "the day of the row that was broken is whole again"
