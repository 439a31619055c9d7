from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from revealed.errors import AuditFailedError
from revealed.quality import AuditResult, audit_snapshot
from revealed.settings import Settings

USERS, K = 4, 3
SOURCES = {"sources": ("als", "popularity"), "similar_sources": ("als", "content")}

_TABLES = {
    "items": "select 'i' || i as item_id, i <> 9 as is_available, i <> 8 as is_allowed, "
    "i < 4 as has_content from range(10) as r(i)",
    "recommendations": "select 'u' || u as user_id, (n + 1)::integer as rank, 'i' || (u + n) as item_id, "
    "1.0 / (n + 1) as score, -n::float as utility, 'als' as source from range(4) as a(u), range(3) as b(n)",
    "similar_items": "select 'i' || i as item_id, (n + 1)::integer as rank, "
    "'i' || (i + n + 1) as similar_item_id, 0.5::double as score, 'als' as source from range(4) as a(i), range(2) as b(n)",
    "fallbacks": "select surface, (n + 1)::integer as rank, 'i' || n as item_id, 1.0::double as score, 'popularity' as source "
    "from (values ('home'), ('search')) as v(surface), range(3) as b(n)",
}


def snapshot_in(folder: Path, *breakages: str) -> Path:
    """Write a whole snapshot, then break it as told."""
    folder.mkdir()
    with duckdb.connect() as con:
        for table, query in _TABLES.items():
            con.execute(f"create table {table} as {query}")
        for breakage in breakages:
            con.execute(breakage)
        for table in _TABLES:
            con.execute(f"copy {table} to '{folder / table}.parquet' (format parquet)")
    return folder


@pytest.fixture
def audit(settings: Settings, tmp_path: Path) -> Callable[..., AuditResult]:
    def write_and_audit(*breakages: str) -> AuditResult:
        folder = snapshot_in(tmp_path / "000001", *breakages)
        return audit_snapshot(settings, folder, users_expected=USERS, k=K, **SOURCES)

    return write_and_audit


def _rows(result: AuditResult) -> dict[tuple[str, str], list[tuple[object, ...]]]:
    assert len({(failure.table, failure.expectation) for failure in result.failures}) == len(result.failures)
    return {
        (failure.table.removeprefix("snapshot."), failure.expectation): [
            tuple(row.values()) for row in failure.sample_rows
        ]
        for failure in result.failures
    }


def test_a_whole_snapshot_passes(audit: Callable[..., AuditResult], settings: Settings) -> None:
    result = audit()
    assert (result.passed, result.failures) == (True, [])
    assert result.checks > 30
    assert "Recommendation snapshot for 4 users" in result.data_docs.read_text()


def test_every_broken_list_is_named(audit: Callable[..., AuditResult]) -> None:
    result = audit(
        "update recommendations set score = 'nan'::double where user_id = 'u0' and rank = 1",
        "update recommendations set item_id = 'i9' where user_id = 'u1' and rank = 3",
        "update recommendations set item_id = 'gone' where user_id = 'u1' and rank = 2",
        "update recommendations set item_id = 'i3' where user_id = 'u2' and rank = 3",
        "update recommendations set rank = 5 where user_id = 'u3' and rank = 3",
        "insert into recommendations values (null, 1, 'i1', 1, 0, 'als')",
        "update recommendations set source = 'a guess' where user_id = 'u0' and rank = 2",
        "update similar_items set source = 'popularity' where item_id = 'i1' and rank = 1",
        "update similar_items set similar_item_id = item_id where item_id = 'i0' and rank = 2",
        "update similar_items set rank = 1 where item_id = 'i1' and rank = 2",
        "update similar_items set score = 'inf'::double where item_id = 'i2' and rank = 1",
        "update similar_items set item_id = 'gone' where item_id = 'i3'",
        "insert into similar_items values ('i2', 3, 'i4', 0.1, 'als')",
        "update fallbacks set item_id = 'i9', rank = 0 where surface = 'home' and rank = 1",
        "update fallbacks set rank = 2, score = '-inf'::double where surface = 'search' and rank = 3",
        "insert into fallbacks values ('home', 4, 'i9', 1, 'popularity')",
    )
    assert _rows(result) == {
        ("recommendations", "expect_column_values_to_not_be_null"): [(None, 1, "i1")],
        ("recommendations", "score_finite"): [("u0", 1, "i0", "nan")],
        ("recommendations", "item_available"): [("u1", 2, "gone", None), ("u1", 3, "i9", False)],
        ("recommendations", "key_unique"): [("u2", "i3", 2)],
        ("recommendations", "ranks_contiguous"): [("u3", 1, 5, 3)],
        ("recommendations", "enough_items"): [("u2", 2), (None, 1)],
        ("recommendations", "expect_column_values_to_be_in_set"): [("u0", 2, "i1", "a guess")],
        ("similar_items", "expect_column_values_to_be_in_set"): [("i1", 1, "i2", "popularity")],
        ("similar_items", "listed_where_content_exists"): [("i3",)],
        ("similar_items", "not_itself"): [("i0", 2, "i0")],
        ("similar_items", "key_unique"): [("i2", "i4", 2)],
        ("similar_items", "rank_unique"): [("i1", 1, 2)],
        ("similar_items", "score_finite"): [("i2", 1, "i3", "inf")],
        ("similar_items", "listed_for_known_items"): [("gone",)],
        ("fallbacks", "expect_column_values_to_be_between"): [("home", 0, "i9")],
        ("fallbacks", "item_available"): [("home", 0, "i9", False), ("home", 4, "i9", False)],
        ("fallbacks", "ranks_contiguous"): [("home", 0, 4, 4)],
        ("fallbacks", "key_unique"): [("home", "i9", 2)],
        ("fallbacks", "rank_unique"): [("search", 2, 2)],
        ("fallbacks", "score_finite"): [("search", 2, "i2", "-inf")],
    }


def test_missing_users_and_empty_files_fail(audit: Callable[..., AuditResult]) -> None:
    found = _rows(
        audit(
            "delete from recommendations where user_id = 'u0'", "delete from fallbacks", "delete from items"
        )
    )
    assert found["recommendations", "every_user_served"] == [(3, 4)]
    assert found["recommendations", "expect_table_row_count_to_be_between"] == [(9, 12)]
    assert found["fallbacks", "expect_table_row_count_to_be_between"] == [(0, 1)]
    assert found["items", "expect_table_row_count_to_be_between"] == [(0, 1)]


def test_fallbacks_may_be_named_by_segment_or_be_one_list(audit: Callable[..., AuditResult]) -> None:
    assert audit("alter table fallbacks rename surface to segment").passed


def test_a_snapshot_without_a_file_cannot_pass(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(AuditFailedError, match=r"recommendations\.parquet") as caught:
        audit_snapshot(settings, tmp_path, users_expected=USERS, k=K, **SOURCES)
    assert caught.value.where == str(tmp_path)


def _told(result: AuditResult) -> dict[str, list[dict[str, object]]]:
    return {failure.expectation: failure.sample_rows for failure in result.failures}


def test_what_a_filter_refuses_is_named(audit: Callable[..., AuditResult]) -> None:
    result = audit("update recommendations set item_id = 'i8' where user_id = 'u1' and rank = 3")
    assert _told(result) == {"item_allowed": [{"user_id": "u1", "rank": 3, "item_id": "i8"}]}


@pytest.mark.parametrize("utility", ["'nan'", "0.5", "-3"])
def test_a_utility_that_exploration_cannot_draw_by_is_named(
    audit: Callable[..., AuditResult], utility: str
) -> None:
    result = audit(f"update recommendations set utility = {utility}::float where user_id = 'u1' and rank = 2")
    assert set(_told(result)) == {"utility_falls"}


def test_what_somebody_hid_or_has_had_is_named(settings: Settings, tmp_path: Path) -> None:
    folder, interactions = snapshot_in(tmp_path / "000001"), tmp_path / "interactions.parquet"
    duckdb.sql(
        "select * from (values ('u0', 'i1', false, true), ('u1', 'i2', true, false), ('u1', 'i1', false, false),"
        " ('u2', 'i9', false, true)) as v(user_id, item_id, is_consumed, is_hidden)"
    ).write_parquet(str(interactions))
    result = audit_snapshot(
        settings, folder, users_expected=USERS, k=K, interactions=str(interactions), **SOURCES
    )
    assert _told(result) == {
        "not_refused": [
            {"user_id": "u0", "rank": 2, "item_id": "i1", "is_hidden": True},
            {"user_id": "u1", "rank": 2, "item_id": "i2", "is_hidden": False},
        ]
    }


def test_who_and_what_was_erased_is_named(settings: Settings, tmp_path: Path) -> None:
    folder = snapshot_in(tmp_path / "000001")
    result = audit_snapshot(
        settings, folder, users_expected=USERS, k=K, erased={"u3", "i0", "u9"}.__contains__, **SOURCES
    )
    assert _told(result) == {
        "not_erased": [
            {"user_id": "u0", "rank": 1, "item_id": "i0"},
            {"user_id": "u3", "rank": 1, "item_id": "i3"},
            {"user_id": "u3", "rank": 2, "item_id": "i4"},
            {"user_id": "u3", "rank": 3, "item_id": "i5"},
        ]
    }


# 6 of 9 available items are listed; of 10 people before, 4 have lost their list.
CHANGES = {"users": {"added": 1, "removed": 4, "changed": 3, "same": 3}, "overlap": {"mean": 0.3}}


@pytest.mark.parametrize(
    ("bounds", "broken"),
    [
        ({"min_coverage": 0.6, "min_overlap": 0.3, "max_users_lost": 0.4}, {}),
        ({"min_coverage": 0.7}, {"coverage_floor": 6 / 9}),
        ({"min_overlap": 0.31}, {"churn_bounded": 0.3}),
        ({"max_users_lost": 0.39}, {"users_kept": 0.4}),
    ],
)
def test_bounds_of_the_rules_are_held_to(
    settings: Settings, tmp_path: Path, bounds: dict[str, float], broken: dict[str, float]
) -> None:
    folder = snapshot_in(tmp_path / "000002")
    (folder / "diff.json").write_text(json.dumps(CHANGES))
    result = audit_snapshot(settings, folder, users_expected=USERS, k=K, bounds=bounds, **SOURCES)
    found = {failure.expectation: failure.sample_rows[0]["value"] for failure in result.failures}
    assert found == pytest.approx(broken)


def test_an_overlap_that_nobody_measured_is_not_within_bounds(settings: Settings, tmp_path: Path) -> None:
    folder = snapshot_in(tmp_path / "000002")
    for floor, passed in ((0.1, False), (0.0, True)):
        found = audit_snapshot(
            settings, folder, users_expected=USERS, k=K, bounds={"min_overlap": floor}, **SOURCES
        )
        assert found.passed is passed
