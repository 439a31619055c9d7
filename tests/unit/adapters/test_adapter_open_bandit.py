"""Open Bandit as our two logs: every row a partial slate with its true propensity."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from revealed.contracts import convert_row
from revealed.durable import sha256_file
from revealed.errors import MissingInputError, UsageError
from revealed.landing.adapters import ADAPTERS
from revealed.progress import quiet


def convert(source: Path, target: Path) -> dict[str, Path]:
    target.mkdir(parents=True, exist_ok=True)
    return {file.stem: file for file, _ in ADAPTERS["open-bandit"].convert(source, target, quiet)}


@pytest.fixture
def small_log(tmp_path: Path) -> Path:
    """Three shown items, two of them to people with the same features, one clicked."""
    folder = tmp_path / "obd"
    folder.mkdir()
    duckdb.sql(f"""
        copy (select * from (values
            (timestamptz '2019-11-24 01:00:00+01', 14, 3, 0, 0.1::double, 'a', 'b', 'c', 'd', 0.5::double),
            (timestamptz '2019-11-24 01:00:00+00', 10, 1, 1, 1.0 / 34, 'a', 'b', 'c', 'd', 0.0),
            (timestamptz '2019-11-24 01:00:00+00', 10, 2, 0, 1.0 / 34, 'ab', '', 'c', 'd', 0.0)
        ) as t("timestamp", item_id, position, click, propensity_score, user_feature_0, user_feature_1, user_feature_2,
            user_feature_3, "user-item_affinity_0")) to '{folder}/random_all.parquet' (format parquet)""")
    return folder


def test_a_row_is_a_partial_slate_and_people_are_grouped_by_their_features(
    small_log: Path, tmp_path: Path
) -> None:
    file = convert(small_log, tmp_path / "out")["inferences-random_all"]
    first, second, third = duckdb.read_parquet(str(file)).to_arrow_table().to_pylist()
    assert first["items"] == [{"item_id": "14", "position": 3, "score": None, "propensity": 0.1}]
    assert str(first["occurred_at"]) == "2019-11-24 00:00:00"
    assert [row["request_id"][-9:] for row in (first, second, third)] == [
        "l-0000001",
        "l-0000002",
        "l-0000003",
    ]
    assert first["anonymous_id"] == second["anonymous_id"] != third["anonymous_id"]
    assert first["user_id"] is None
    context = json.loads(first["context"])
    assert context["partial_slate"] is True
    assert (context["campaign"], context["affinity"], context["user_feature_3"]) == ("all", [0.5], "d")


def test_the_click_names_its_request_item_and_position(small_log: Path, tmp_path: Path) -> None:
    file = convert(small_log, tmp_path / "out")["events-random_all"]
    (click,) = duckdb.read_parquet(str(file)).to_arrow_table().to_pylist()
    assert (click["event_id"], click["event_type"]) == ("random_all-0000002-click", "click")
    assert (click["request_id"], click["item_id"], click["position"]) == ("random_all-0000002", "10", 1)


def test_sources_that_are_not_open_bandit_are_refused(small_log: Path, tmp_path: Path) -> None:
    duckdb.sql(f"copy (select 1 as item_id) to '{small_log}/random_all.parquet' (format parquet)")
    with pytest.raises(UsageError, match=r"lacks the columns.*propensity_score"):
        convert(small_log, tmp_path / "out")
    (small_log / "random_all.parquet").unlink()
    with pytest.raises(MissingInputError, match="bts_"):
        convert(small_log, tmp_path / "out")


@pytest.fixture(scope="module")
def real(open_bandit_source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return convert(open_bandit_source, tmp_path_factory.mktemp("obd"))


@pytest.mark.parametrize(("policy", "clicks"), [("random", 46), ("bts", 69)])
def test_rows_clicks_and_propensities_are_those_of_the_source(
    real: dict[str, Path], open_bandit_source: Path, policy: str, clicks: int
) -> None:
    requests, events = real[f"inferences-{policy}_men"], real[f"events-{policy}_men"]
    source = f"read_parquet('{open_bandit_source}/{policy}_men.parquet', file_row_number = true)"
    assert duckdb.sql(f"""
        select count(*), count(distinct request_id), count(*) filter (policy = '{policy}') from '{requests}'
    """).fetchone() == (10_000, 10_000, 10_000)
    duckdb.execute("set timezone = 'UTC'")
    back = f"""
        select right(r.request_id, 7)::bigint - 1 as line, r.occurred_at, items[1].item_id::bigint as item_id,
            items[1].position::bigint as position, items[1].propensity as propensity_score,
            (e.event_id is not null)::bigint as click
        from '{requests}' as r left join '{events}' as e
        on e.request_id = r.request_id and e.item_id = r.items[1].item_id and e.position = r.items[1].position
    """
    original = f"""
        select file_row_number, "timestamp"::timestamp, item_id, position, propensity_score, click from {source}
    """
    assert duckdb.sql(f"({original}) except ({back})").fetchall() == []
    assert duckdb.sql(f"select sum(click), count(*) from ({back})").fetchone() == (clicks, 10_000)


def test_people_are_as_many_as_distinct_features(real: dict[str, Path], open_bandit_source: Path) -> None:
    features = ", ".join(f"user_feature_{n}" for n in range(4))
    for policy in ("random", "bts"):
        groups = duckdb.sql(
            f"select count(distinct anonymous_id) from '{real[f'inferences-{policy}_men']}'"
        ).fetchone()
        source = f"'{open_bandit_source}/{policy}_men.parquet'"
        assert groups == duckdb.sql(f"select count(distinct ({features})) from {source}").fetchone()


def test_each_item_is_described_once(real: dict[str, Path]) -> None:
    (items,) = [file for name, file in real.items() if name.startswith("items")]
    assert duckdb.sql(f"select count(*), count(distinct item_id) from '{items}'").fetchone() == (34, 34)


def test_the_same_source_gives_the_same_bytes(
    real: dict[str, Path], open_bandit_source: Path, tmp_path: Path
) -> None:
    again = convert(open_bandit_source, tmp_path / "again")
    assert {name: sha256_file(file) for name, file in again.items()} == {
        name: sha256_file(file) for name, file in real.items()
    }


def test_every_row_keeps_the_contract(real: dict[str, Path]) -> None:
    for name, file in real.items():
        for row in duckdb.read_parquet(str(file)).to_arrow_table().slice(0, 2_000).to_pylist():
            convert_row(name.partition("-")[0], row)
