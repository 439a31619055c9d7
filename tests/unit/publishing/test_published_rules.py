"""Rules, differences and the analyst's file, on a snapshot that a model made and Great Expectations audited."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from planted_world import AS_OF, World, write_warehouse
from typer.testing import CliRunner

from revealed.cli import app
from revealed.errors import AuditFailedError, InvalidInputError, NothingPublishedError
from revealed.feedback import read_dataset, write_dataset
from revealed.publishing import (
    SnapshotDifference,
    publish_snapshot,
    read_recommendations,
    read_snapshot_manifest,
    snapshot_difference,
)
from revealed.publishing.list_reads import CountedFile, read_list
from revealed.publishing.overlap import rank_biased_overlap
from revealed.settings import Settings

RULES = """
[[filters]]
field = "item"
deny = ["i0005"]
[[filters]]
field = "topic"
deny = ["taste 2"]
surface = "home"
[[caps]]
field = "topic"
most = 4
within = 10
[[pins]]
item = "i0007"
position = 2
[[pins]]
item = "i0003"
position = 5
[[pins]]
item = "i0008"
position = 4
surface = "search"
"""


@pytest.fixture
def ruled(published: Settings) -> Settings:
    """A second snapshot, on a day later's data and under rules."""
    published.rules.write_text(RULES)
    grown = World(users=250, as_of=AS_OF + timedelta(days=1))
    write_dataset(published, write_warehouse(published.home / "w" / "later" / "w.duckdb", grown))
    assert publish_snapshot(published).generation == 2
    return published


def lists_in(folder: Path) -> dict[str, list[str]]:
    rows = pq.read_table(folder / "recommendations.parquet", columns=["user_id", "item_id"]).to_pylist()
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["user_id"], []).append(row["item_id"])
    return found


def assert_rules_are_followed(settings: Settings, folder: Path) -> None:
    manifest = read_snapshot_manifest(settings)
    assert manifest.rules["left_out"] == ["i0003"]  # not available
    con = duckdb.connect()
    con.execute(f"create view lists as from '{folder}/recommendations.parquet'")
    pairs = read_dataset(settings).file("interactions.parquet")
    had = con.execute(
        f"select count(*) from '{pairs}' where item_id = 'i0007' and (is_consumed or is_hidden)"
    ).fetchone()
    assert had is not None
    assert 0 < had[0] < 100
    pinned = con.execute(
        "select count(*), count(*) filter (item_id = 'i0007' and rank = 2) from lists where source = 'pin'"
    ).fetchone()
    assert pinned == (250 - had[0], 250 - had[0])  # whoever has had the item is not shown it
    assert manifest.counts["from_pin"] == 250 - had[0]
    most = con.execute(
        "select max(n) from (select user_id, cast(item_id[2:] as integer) % 3 as topic, count(*) as n"
        " from lists where rank <= 10 group by all)"
    ).fetchone()
    assert most == (4,)
    assert con.execute(
        "select min(n) from (select count(*) as n from lists group by user_id)"
    ).fetchone() == (20,)
    assert con.execute(
        f"select count(*) from (select item_id from lists union all select similar_item_id from"
        f" '{folder}/similar_items.parquet' union all select item_id from '{folder}/fallbacks.parquet')"
        " where item_id in ('i0003', 'i0005')"
    ).fetchone() == (0,)
    segments = dict(
        con.execute(
            f"select segment, list(item_id order by rank) from '{folder}/fallbacks.parquet' group by segment"
        ).fetchall()
    )
    assert all(items[1] == "i0007" for items in segments.values())
    assert segments["surface:search"][3] == "i0008"
    assert not any(int(item[1:]) % 3 == 2 for item in segments["surface:home"])


def assert_difference_is_what_the_lists_say(found: SnapshotDifference, old: Path, new: Path) -> None:
    before, after = lists_in(old), lists_in(new)
    both = before.keys() & after.keys()
    overlaps = [rank_biased_overlap(before[user], after[user]) for user in both]
    assert found.users == {
        "added": len(after.keys() - before.keys()),
        "removed": 0,
        "changed": sum(before[user] != after[user] for user in both),
        "same": sum(before[user] == after[user] for user in both),
    }
    assert found.users["added"] == 10
    assert found.overlap["mean"] == pytest.approx(np.mean(overlaps), abs=1e-8)
    assert found.overlap["p05"] == pytest.approx(np.quantile(overlaps, 0.05))
    listed_before, listed = (
        {i for ids in before.values() for i in ids},
        [i for ids in after.values() for i in ids],
    )
    assert found.coverage["new"] == pytest.approx(len(set(listed)) / 88)  # of 90, one unavailable, one denied
    assert found.coverage["old"] == pytest.approx(len(listed_before) / 89)
    assert found.new_items["unlisted"] == pytest.approx(np.mean([i not in listed_before for i in listed]))
    likes = dict(duckdb.sql(f"select item_id, likes from '{new}/items.parquet'").fetchall())
    shown = [np.log2(1 + likes[item]) for item in listed]
    shown_before = [np.log2(1 + likes[item]) for ids in before.values() for item in ids]
    assert found.popularity["shift"] == pytest.approx(np.mean(shown) - np.mean(shown_before))
    assert found.items == {"added": 0, "removed": 0, "changed": 1, "same": 89}  # i0005 is not allowed now


def test_rules_are_followed_and_the_difference_is_told(ruled: Settings) -> None:
    root = ruled.published_recommendations
    assert_rules_are_followed(ruled, root / "000002")
    kept = snapshot_difference(ruled)
    assert_difference_is_what_the_lists_say(kept, root / "000001", root / "000002")
    assert read_snapshot_manifest(ruled).changes == kept.to_dict()
    (root / "000002" / "diff.json").unlink()
    assert snapshot_difference(ruled, 1, 2) == kept
    assert snapshot_difference(ruled, 2, 1).users["removed"] == 10
    with pytest.raises(NothingPublishedError, match="OLD NEW"):
        snapshot_difference(ruled, None, 1)
    # The same again writes nothing; another rule does.
    assert publish_snapshot(ruled).generation == 2
    ruled.rules.write_text(
        RULES.replace("most = 4", "most = 3") + "[audit]\nmin_overlap_after_change = 0.999\n"
    )
    with pytest.raises(AuditFailedError, match="churn_bounded"):
        publish_snapshot(ruled)
    ruled.rules.write_text(RULES.replace("most = 4", "most = 3") + "[exploration]\npolicy = 'x'\n")
    assert publish_snapshot(ruled).generation == 3


def test_pins_beyond_a_cap_are_refused_and_nothing_is_published(published: Settings) -> None:
    pins = "".join(f"[[pins]]\nitem = 'i000{n}'\nposition = {n}\n" for n in (1, 4, 7))
    published.rules.write_text("[[caps]]\nfield = 'topic'\nmost = 2\nwithin = 9\n" + pins)
    with pytest.raises(InvalidInputError, match="i0001, i0004, i0007"):
        publish_snapshot(published)
    assert read_snapshot_manifest(published).generation == 1
    assert list(published.published_recommendations.glob(".*")) == []


def said(*words: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, [*words, "--json"])
    assert result.exit_code == 0, result.output
    value: dict[str, Any] = json.loads(result.stdout)
    return value


def test_analysts_and_operators_read_it_by_commands(
    published: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVEALED_HOME", str(published.home))
    shown = said("snapshot", "show")
    assert shown["one_list"]["file_bytes"] == shown["files"]["recommendations.parquet"]["bytes"]
    assert shown["one_list"]["list_bytes"] > 0
    assert [row["in_service"] for row in said("snapshot", "list")["snapshots"]] == [True]
    assert said("snapshot", "verify")["files"] == 5
    assert said("snapshot", "rules")["audit"]["max_users_lost"] == 0.5
    refused = CliRunner().invoke(app, ["snapshot", "diff"])
    assert isinstance(refused.exception, NothingPublishedError)

    # The warehouse that the world stands in for, as a published one.
    folder = published.published / "warehouse" / "000001"
    folder.mkdir(parents=True)
    write_warehouse(folder / "warehouse.duckdb", World(), published=False)
    published.published_warehouse.symlink_to("warehouse/000001/warehouse.duckdb")
    rows = said(
        "sql",
        "select user_id, title from marts.recommendations join marts.dim_items using (item_id)"
        " where user_id = 'u0007' order by rank",
    )["rows"]
    listed = read_recommendations(published, "u0007", 20).items
    assert [row["title"] for row in rows] == [item.title for item in listed]
    # And by the file alone, with any DuckDB.
    con = duckdb.connect(str(published.published / "recommendations.duckdb"), read_only=True)
    assert con.execute("select count(*) from marts.recommendations").fetchone() == (4800,)
    assert con.execute("select generation, model from marts.recommendation_snapshot").fetchone() == (1, "als")


def test_one_users_list_costs_one_small_read(tmp_path: Path) -> None:
    """4,000 lists of 100: one of them takes the footer and a row group of 2,000 rows, counted byte by byte."""
    from revealed.publishing.list_files import RECOMMENDATION_SCHEMA, sorted_file, write_lists
    from revealed.training.serving import Served

    random, path = np.random.default_rng(3), tmp_path / "recommendations.parquet"
    users = np.array([f"u{number:06d}" for number in range(4_000)], dtype=object)
    space = np.array([f"i{number:05d}" for number in range(20_000)], dtype=object)
    items = np.array([random.choice(20_000, 100, replace=False) for _ in users], dtype=np.int32)
    served = Served.empty(len(users), 100, ("als",))
    served.items[:], served.source[:] = items, 0
    served.scores[:] = -np.sort(-random.random(items.shape, dtype=np.float32), axis=1)
    with sorted_file(path, RECOMMENDATION_SCHEMA) as writer:
        write_lists(writer, users, space, served)
    metadata = pq.read_metadata(path)
    assert metadata.num_row_groups == 200
    group = max(metadata.row_group(at).total_byte_size for at in range(200))
    for number in (0, 1_999, 3_999):
        with CountedFile(path) as file:
            rows = read_list(file, f"u{number:06d}")
            assert [row["item_id"] for row in rows] == space[items[number]].tolist()
            # The footer is guessed at 64 KB, and read again where it is longer.
            assert file.bytes_read <= 2 * metadata.serialized_size + 65_536 + group
    with CountedFile(path) as file:
        assert read_list(file, "u9") == []
