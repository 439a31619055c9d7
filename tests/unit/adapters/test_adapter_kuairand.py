"""KuaiRand as our two logs: by hand on a small file, and counted against the source itself on the real one."""

from __future__ import annotations

import importlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from revealed.contracts import convert_row
from revealed.durable import sha256_file
from revealed.errors import DamagedFileError, MissingInputError, UsageError
from revealed.landing.adapters import ADAPTERS
from revealed.landing.adapters.contract_parquet import open_reader, write_contract
from revealed.landing.raw_schema import SCHEMAS
from revealed.progress import quiet

Rows = list[dict[str, object]]


def convert(source: Path, target: Path) -> dict[str, list[Path]]:
    target.mkdir(parents=True, exist_ok=True)
    by_log: dict[str, list[Path]] = {}
    for file, log in ADAPTERS["kuairand"].convert(source, target, quiet):
        by_log.setdefault(log, []).append(file)
    return by_log


def naive(*parts: int) -> datetime:
    """A UTC moment as raw Parquet holds it: without a zone."""
    return datetime(*parts, tzinfo=UTC).replace(tzinfo=None)  # type: ignore[misc]


def rows_of(files: list[Path]) -> Rows:
    return [row for file in files for row in duckdb.read_parquet(str(file)).to_arrow_table().to_pylist()]


def one(sql: str) -> tuple[object, ...]:
    row = duckdb.sql(sql).fetchone()
    assert row is not None
    return row


def test_a_shown_video_is_a_request_of_one_item_with_an_unknown_propensity(
    small_kuairand: Path, tmp_path: Path
) -> None:
    requests = rows_of(convert(small_kuairand, tmp_path / "out")["inferences"])
    assert [row["request_id"] for row in requests] == [
        "7-1-1650812741436", "7-1-1650812741436", "7-2-1650812800000", "8-2-1650812900000", "8-1-1650813000000",
    ]  # fmt: skip
    first = requests[0]
    assert first["items"] == [{"item_id": "1", "position": 1, "score": None, "propensity": None}]
    assert first["occurred_at"] == first["received_at"] == naive(2022, 4, 24, 15, 5, 41, 436000)
    assert (first["user_id"], first["surface"], first["policy"]) == ("7", "tab_1", "standard")
    assert json.loads(str(first["context"])) == {"duration_ms": 49866, "is_rand": 0}


def test_every_act_becomes_its_event_and_no_other(small_kuairand: Path, tmp_path: Path) -> None:
    events = rows_of([convert(small_kuairand, tmp_path / "out")["events"][1]])
    acts = [(row["request_id"], row["event_type"]) for row in events]
    twice = [("7-1-1650812741436", kind) for kind in ("view", "click", "thumbs_up")]
    assert acts == [
        *twice,
        *twice,
        ("7-2-1650812800000", "view"),
        ("7-2-1650812800000", "skip"),
        ("7-2-1650812800000", "not_interested"),
        ("8-2-1650812900000", "view"),
        ("8-1-1650813000000", "preference"),
        ("8-1-1650813000000", "preference"),
        ("8-1-1650813000000", "share"),
    ]
    assert events[0]["dwell_ms"] == 61802
    assert json.loads(str(events[0]["properties"])) == {
        "duration_ms": 49866, "long_view": True, "profile_enter": True, "comment_stay_ms": 12,
    }  # fmt: skip
    assert events[1]["dwell_ms"] is events[1]["properties"] is None
    assert [json.loads(str(row["properties"])) for row in events if row["event_type"] == "preference"] == [
        {"kind": "follow_author"}, {"kind": "comment"},
    ]  # fmt: skip
    assert len({row["event_id"] for row in events}) == len(events) - 3


def test_history_is_one_view_a_video_before_the_log_in_order(small_kuairand: Path, tmp_path: Path) -> None:
    events = rows_of([convert(small_kuairand, tmp_path / "out")["events"][0]])
    seen = [
        (row["event_type"], row["item_id"], str(row["occurred_at"])[-9:], row["properties"]) for row in events
    ]
    assert seen == [
        ("view", "6", "00.006000", '{"source":"history","long_view":false}'),
        ("view", "5", "00.007000", '{"source":"history","long_view":true}'),
        ("view", "3", "00.009000", '{"source":"history","long_view":false}'),
        ("view", "4", "00.010000", '{"source":"history","long_view":true}'),
        ("thumbs_up", "3", "00.009000", '{"source":"history"}'),
        ("thumbs_up", "6", "00.010000", '{"source":"history"}'),
    ]
    assert all(row["request_id"] is None and row["dwell_ms"] is None for row in events)


def test_what_is_not_known_of_videos_and_users_stays_null(small_kuairand: Path, tmp_path: Path) -> None:
    converted = convert(small_kuairand, tmp_path / "out")
    known, unknown = rows_of(converted["items"])
    assert (known["topic"], known["text"], known["author"]) == ("tag_39", "tags: 39 2; upload: Web", "70")
    assert (known["expected_dwell_s"], known["is_available"]) == (49.866, True)
    assert known["published_at"] == naive(2022, 4, 9, 16)
    assert (unknown["topic"], unknown["text"]) == (None, "upload: Kmovie")
    assert unknown["expected_dwell_s"] is unknown["is_available"] is None
    first, second = rows_of(converted["users"])
    assert json.loads(str(first["attributes"])) == {"user_active_degree": "full_active", "onehot_feat4": 1.0}
    assert json.loads(str(second["attributes"])) == {"user_active_degree": "UNKNOWN", "is_live_streamer": 3}


def test_one_file_may_be_read_alone(small_kuairand: Path, tmp_path: Path) -> None:
    assert convert(small_kuairand / "videos.parquet", tmp_path / "out").keys() == {"items"}


def test_sources_that_are_not_kuairand_are_refused(small_kuairand: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingInputError, match=r"impressions_\*"):
        convert(tmp_path / "empty", tmp_path / "out")
    duckdb.sql(f"copy (select 1 as user_id, 2 as tab) to '{small_kuairand}/impressions_1.parquet'")
    with pytest.raises(UsageError, match=r"lacks the columns.* video_id"):
        convert(small_kuairand, tmp_path / "out")
    (small_kuairand / "impressions_1.parquet").write_bytes(b"no parquet")
    with pytest.raises(DamagedFileError, match="impressions_1"):
        convert(small_kuairand, tmp_path / "out")


def test_a_column_that_no_contract_knows_is_an_error_of_the_adapter(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="dwel_ms"):
        write_contract(
            open_reader(), "select 'e' as event_id, 1 as dwel_ms", "events", tmp_path / "x.parquet"
        )


@pytest.mark.parametrize(("name", "module"), [("kuairand", "kuairand"), ("open-bandit", "open_bandit")])
def test_the_documentation_is_what_the_adapter_says(name: str, module: str) -> None:
    text = (Path(__file__).resolve().parents[3] / "docs" / "adapters.md").read_text(encoding="utf-8")
    spoken = importlib.import_module(f"revealed.landing.adapters.{module}").__doc__
    assert spoken is not None
    assert f"## `--format {name}`\n\n{spoken.strip()}\n" in text
    assert ADAPTERS[name].name == name


@pytest.fixture(scope="module")
def real(kuairand_source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    return convert(kuairand_source, tmp_path_factory.mktemp("kuairand"))


@pytest.fixture(scope="module")
def shown(kuairand_source: Path) -> str:
    return f"'{kuairand_source}/impressions_20220425_20220508.parquet'"


def test_every_shown_video_is_there_and_duplicates_stay_duplicates(real: dict[str, list[Path]]) -> None:
    (requests,) = real["inferences"]
    assert one(f"""
        select count(*), count(*) - count(distinct request_id), count(distinct user_id), count(items[1].propensity)
        from '{requests}'
    """) == (228_329, 5_885, 25_156, 0)
    assert one(f"select count(*) from '{requests}' where occurred_at <> received_at") == (0,)


def test_events_are_as_many_as_the_columns_say(real: dict[str, list[Path]], shown: str) -> None:
    found = dict(duckdb.sql(f"select event_type, count(*) from '{real['events'][1]}' group by 1").fetchall())
    names = ("view", "click", "skip", "thumbs_up", "preference", "share", "not_interested")
    counts = one(f"""
        select count(*) filter (play_time_ms > 0), sum(is_click),
            count(*) filter (is_click = 0 and play_time_ms > 0 and play_time_ms < 3000), sum(is_like),
            sum(is_follow) + sum(is_comment), sum(is_forward), sum(is_hate) from {shown}
    """)
    assert found == dict(zip(names, counts, strict=True))
    assert round(found["click"] / 228_329, 4) == 0.4419
    dwell = one(f"select sum(dwell_ms), count(dwell_ms) from '{real['events'][1]}'")
    assert dwell == one(f"select sum(play_time_ms), count(*) from {shown} where play_time_ms > 0")


def test_sampled_rows_can_be_read_back_from_the_logs(real: dict[str, list[Path]], shown: str) -> None:
    """From requests and events alone, each of 500 source rows comes back as it was."""
    (requests,) = real["inferences"]
    columns = (
        "user_id, video_id, time_ms, is_click, is_like, is_hate, long_view, play_time_ms, duration_ms, tab"
    )
    original = duckdb.sql(f"""
        select distinct {columns} from {shown} where (user_id, video_id, time_ms) in (
            select (user_id, video_id, time_ms) from {shown} group by all having count(*) = 1)
        order by hash(user_id, time_ms) limit 500
    """)
    back = f"""
        with acts as (
            select request_id, max((event_type = 'click')::tinyint) as is_click,
                max((event_type = 'thumbs_up')::tinyint) as is_like,
                max((event_type = 'not_interested')::tinyint) as is_hate,
                max((properties ->> 'long_view' = 'true')::tinyint) as long_view, max(dwell_ms) as play_time_ms
            from '{real["events"][1]}' group by 1)
        select user_id::smallint as user_id, items[1].item_id::smallint as video_id, epoch_ms(occurred_at) as time_ms,
            coalesce(is_click, 0) as is_click, coalesce(is_like, 0) as is_like, coalesce(is_hate, 0) as is_hate,
            coalesce(long_view, 0) as long_view, coalesce(play_time_ms, 0) as play_time_ms,
            (context ->> 'duration_ms')::int as duration_ms, substr(surface, 5)::tinyint as tab
        from '{requests}' left join acts using (request_id)
    """
    assert len(original.fetchall()) == 500
    assert original.except_(duckdb.sql(back)).fetchall() == []


def test_all_that_user_712_has_watched_is_a_view_or_a_click(
    real: dict[str, list[Path]], kuairand_source: Path, shown: str
) -> None:
    found = {
        row[0]
        for row in duckdb.sql(f"""
        select distinct item_id::int from read_parquet({[str(f) for f in real["events"]]})
        where user_id = '712' and event_type in ('view', 'click')
    """).fetchall()
    }
    history = f"'{kuairand_source}/history_before_20220425.parquet'"
    watched = {
        row[0]
        for row in duckdb.sql(f"""
        select unnest(watch_seq) from {history} where user_id = 712
        union select unnest(long_watch_seq) from {history} where user_id = 712
        union select unnest(like_seq) from {history} where user_id = 712
        union select video_id from {shown} where user_id = 712 and (play_time_ms > 0 or is_click = 1)
    """).fetchall()
    }
    assert found == watched
    assert len(watched) > 38


def test_history_lies_before_the_log_and_within_its_users_last_moment(
    real: dict[str, list[Path]], kuairand_source: Path
) -> None:
    late, early, total = one(f"""
        select count(*) filter (e.occurred_at > make_timestamp(h.last_time_ms * 1000)),
            count(*) filter (e.occurred_at < make_timestamp(h.last_time_ms * 1000) - interval 150 milliseconds), count(*)
        from '{real["events"][0]}' as e
        join '{kuairand_source}/history_before_20220425.parquet' as h on h.user_id = e.user_id::int
    """)
    assert (late, early) == (0, 0)
    watched = "unnest(list_concat(watch_seq, long_watch_seq, like_seq))"
    history = f"'{kuairand_source}/history_before_20220425.parquet'"
    assert total == sum(
        int(str(one(f"select count(*) from (select distinct user_id, {what} from {history})")[0]))
        for what in (watched, "unnest(like_seq)")
    )


def test_the_catalogue_is_complete_and_every_shown_video_is_in_it(real: dict[str, list[Path]]) -> None:
    (items,), (requests,) = real["items"], real["inferences"]
    assert one(f"select count(*), count(distinct item_id), count(*) filter (not is_available) from '{items}'") == (
        7_583, 7_583, 0,
    )  # fmt: skip
    assert one(
        f"select count(*) from '{requests}' anti join '{items}' as i on i.item_id = items[1].item_id"
    ) == (0,)


def test_the_same_source_gives_the_same_bytes_whatever_the_number_of_threads(
    real: dict[str, list[Path]], kuairand_source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVEALED_DUCKDB_THREADS", "1")
    again = convert(kuairand_source, tmp_path / "again")
    for log, files in real.items():
        assert [sha256_file(file) for file in again[log]] == [sha256_file(file) for file in files]


def types_of(schema: pa.Schema) -> list[str]:
    return [re.sub(r"list<\w+: ", "list<", str(kind)) for kind in schema.types]


def test_files_have_the_contracts_columns_and_sampled_rows_keep_the_contract(
    real: dict[str, list[Path]],
) -> None:
    for log, files in real.items():
        for file in files:
            rows = duckdb.sql(f"from '{file}' using sample 300 (reservoir, 7)").to_arrow_table()
            expected = SCHEMAS[log]
            assert rows.schema.names == expected.names[:-2]
            assert types_of(rows.schema) == types_of(expected)[:-2]
            for row in rows.to_pylist():
                convert_row(log, row)
