"""KuaiRand (Gao et al., CIKM 2022): short videos shown one after another by Kuaishou.

A shown video is one request with one item at position 1: the feed shows a video at a time and logs no slot. The
system logged no propensity, so it is unknown (null), never 1. The one time of a row dates everything in it.
Identifiers are the dataset's numbers as text. Times are epoch milliseconds (UTC); `date` and `hourmin`, which are
China's local hour, are left out, because `time_ms` says the same more exactly.

`impressions_*.parquet` becomes inferences and events:

| column | becomes |
|---|---|
| `user_id`, `video_id`, `time_ms` | `user_id`, `item_id`, `occurred_at` = `received_at`; together the `request_id` "user-video-time", so that an exact duplicate row is a duplicate request |
| `tab` | `surface` "tab_<n>" |
| (nothing) | `model_name` "kuaishou", `model_version` "standard-log", `policy` "standard", `propensity` null |
| `duration_ms`, `is_rand` | inference `context`; `duration_ms` also in the `view`'s properties |
| `play_time_ms` > 0 | `view` with `dwell_ms` = `play_time_ms` |
| `is_click` | `click` |
| `is_click` = 0 and 0 < `play_time_ms` < 3000 | `skip`: it began to play and was swiped away within three seconds; one that never played (a cover in a two-column tab) is shown, not skipped |
| `long_view`, `is_profile_enter`, `profile_stay_time`, `comment_stay_time` | properties of the `view`, where set |
| `is_like` | `thumbs_up` |
| `is_follow`, `is_comment` | `preference` with properties {"kind": "follow_author"} or {"kind": "comment"} |
| `is_forward` | `share` |
| `is_hate` | `not_interested` |
| `date`, `hourmin` | left out, see above |

`history_before_*.parquet` becomes events before the log, so that what was watched is known to be watched. A user's
sequences have one time, `last_time_ms`: the latest entry is given it and each earlier one a millisecond less, for
order alone. The sequences are read as oldest first.

| column | becomes |
|---|---|
| `watch_seq`, `long_watch_seq`, `like_seq` | one `view` a distinct video, dwell unknown, properties {"source": "history", "long_view": ...}; what was liked or watched long has been watched, even where the last 50 watched no longer list it |
| `like_seq` | also `thumbs_up`, properties {"source": "history"} |
| `history_len` | left out: only the last 50 are listed |

`videos.parquet` becomes items, `users.parquet` users:

| column | becomes |
|---|---|
| `tag` | `topic` "tag_<first>"; all of them in `text` |
| `author_id`, `video_duration` | `author`; `expected_dwell_s` = `video_duration` / 1000 |
| `upload_dt` | `published_at` = `updated_at`: midnight in China (UTC+8) of that date |
| `video_type`, `upload_type` | `format` (lower case); in `text` |
| `visible_status` | `is_available`: true at 0, the state of every video in this log; else null, for the meaning of other codes is not documented |
| `server_width`, `server_height`, `music_id`, `music_type` | left out |
| all of `users.parquet` | `attributes`; -124 (the dataset's "missing") and nulls are dropped; no `first_seen_at`: `register_days` has no reference date |
"""  # noqa: E501 - rows of a Markdown table cannot be wrapped

from __future__ import annotations

from pathlib import Path

import duckdb

from revealed.engines.duckdb import literal
from revealed.landing.adapters.contract_parquet import (
    open_reader,
    require_columns,
    source_files,
    write_contract,
)
from revealed.progress import Progress

SKIP_MS = 3_000
_IMPRESSIONS = "impressions_*.parquet"
_HISTORY = "history_before_*.parquet"
_VIDEOS = "videos.parquet"
_USERS = "users.parquet"
_COLUMNS: dict[str, tuple[str, ...]] = {
    _IMPRESSIONS: (
        "user_id", "video_id", "time_ms", "is_click", "is_like", "is_follow", "is_comment", "is_forward", "is_hate",
        "long_view", "play_time_ms", "duration_ms", "profile_stay_time", "comment_stay_time", "is_profile_enter",
        "is_rand", "tab",
    ),
    _HISTORY: ("user_id", "last_time_ms", "watch_seq", "like_seq", "long_watch_seq"),
    _VIDEOS: (
        "video_id", "author_id", "video_type", "upload_dt", "upload_type", "visible_status", "video_duration", "tag",
    ),
    _USERS: ("user_id",),
}  # fmt: skip

_SHOWN = """
    select *, file_row_number as line,
        user_id || '-' || video_id || '-' || time_ms as request_id,
        make_timestamp(time_ms * 1000) as occurred_at
    from read_parquet({file}, file_row_number = true)
"""
_INFERENCES = """
    select request_id, occurred_at, occurred_at as received_at, user_id, 'tab_' || tab as surface,
        'kuaishou' as model_name, 'standard-log' as model_version, 'standard' as policy,
        to_json({{'duration_ms': duration_ms, 'is_rand': is_rand}}) as context,
        [{{'item_id': cast(video_id as varchar), 'position': 1, 'score': null, 'propensity': null}}] as items,
        1 as schema_version
    from ({shown}) order by line
"""
_EVENTS = """
    with shown as ({shown}),
    acts as (
        select *, unnest([
            {{'event_type': 'view', 'kind': 'view', 'happened': play_time_ms > 0}},
            {{'event_type': 'click', 'kind': 'click', 'happened': is_click = 1}},
            {{'event_type': 'skip', 'kind': 'skip',
              'happened': is_click = 0 and play_time_ms > 0 and play_time_ms < {skip_ms}}},
            {{'event_type': 'thumbs_up', 'kind': 'like', 'happened': is_like = 1}},
            {{'event_type': 'preference', 'kind': 'follow_author', 'happened': is_follow = 1}},
            {{'event_type': 'preference', 'kind': 'comment', 'happened': is_comment = 1}},
            {{'event_type': 'share', 'kind': 'forward', 'happened': is_forward = 1}},
            {{'event_type': 'not_interested', 'kind': 'hate', 'happened': is_hate = 1}}
        ]) as act, generate_subscripts([1, 2, 3, 4, 5, 6, 7, 8], 1) as ordinal
        from shown
    )
    select request_id || '-' || act.kind as event_id, act.event_type as event_type, occurred_at,
        occurred_at as received_at, user_id, video_id as item_id, request_id, 1 as position,
        'tab_' || tab as surface,
        case when act.kind = 'view' then play_time_ms end as dwell_ms,
        case when act.kind = 'view' then json_merge_patch('{{}}', to_json({{
                'duration_ms': duration_ms,
                'long_view': case when long_view = 1 then true end,
                'profile_enter': case when is_profile_enter = 1 then true end,
                'profile_stay_ms': nullif(profile_stay_time, 0),
                'comment_stay_ms': nullif(comment_stay_time, 0)}}))
            when act.event_type = 'preference' then to_json({{'kind': act.kind}}) end as properties,
        1 as schema_version
    from acts where act.happened order by line, ordinal
"""
_HISTORY_EVENTS = """
    with people as (
        select user_id, last_time_ms, like_seq, file_row_number as line, long_watch_seq,
            list_concat(
                list_filter(like_seq, lambda v: not list_contains(list_concat(watch_seq, long_watch_seq), v)),
                list_filter(long_watch_seq, lambda v: not list_contains(watch_seq, v)),
                watch_seq
            ) as watched
        from read_parquet({file}, file_row_number = true)
    ),
    entries as (
        select line, user_id, last_time_ms, 'view' as event_type, long_watch_seq, len(watched) as length,
            unnest(watched) as video_id, generate_subscripts(watched, 1) as place
        from people
        union all
        select line, user_id, last_time_ms, 'thumbs_up' as event_type, long_watch_seq, len(like_seq) as length,
            unnest(like_seq) as video_id, generate_subscripts(like_seq, 1) as place
        from people
    ),
    latest as (
        select line, user_id, event_type, video_id, any_value(list_contains(long_watch_seq, video_id)) as long_view,
            max(place) as place, make_timestamp((any_value(last_time_ms) - any_value(length) + max(place)) * 1000)
            as occurred_at
        from entries group by all
    )
    select user_id || '-' || video_id || '-history-' || event_type as event_id, event_type, occurred_at,
        occurred_at as received_at, user_id, video_id as item_id,
        case when event_type = 'view' then to_json({{'source': 'history', 'long_view': long_view}})
            else to_json({{'source': 'history'}}) end as properties,
        1 as schema_version
    from latest order by line, event_type desc, place
"""
_ITEMS = """
    select video_id as item_id, 'tag_' || split_part(nullif(tag, ''), ',', 1) as topic,
        concat_ws(' ', 'tags: ' || replace(nullif(tag, ''), ',', ' ') || ';', 'upload: ' || upload_type) as text,
        lower(video_type) as format, cast(author_id as varchar) as author,
        strptime(upload_dt, '%Y-%m-%d') - interval 8 hour as published_at, published_at as updated_at,
        published_at as received_at, video_duration / 1000 as expected_dwell_s,
        case when visible_status = 0 then true end as is_available, 1 as schema_version
    from read_parquet({file}) order by video_id
"""
_PEOPLE = """
    select user_id, json_merge_patch('{{}}', to_json({{{attributes}}})) as attributes, 1 as schema_version
    from read_parquet({file}) order by user_id
"""


class KuaiRand:
    """Reads a folder of KuaiRand Parquet files, or one of them."""

    name = "kuairand"
    describe = "KuaiRand short-video log (impressions_*, history_before_*, videos, users as Parquet)"

    def convert(self, source: Path, target: Path, progress: Progress) -> list[tuple[Path, str]]:
        """Write contract Parquet under `target`; return each file and its log. Same source, same bytes.

        Raises:
            MissingInputError: no file in `source` has a KuaiRand name.
            UsageError: a file lacks columns.
            DamagedFileError: a file is not Parquet.
        """
        written: list[tuple[Path, str]] = []
        files = source_files(source, _COLUMNS, self.name)
        con = open_reader()
        try:
            for done, file in enumerate(files, start=1):
                progress(f"converting {file.name}", done, len(files))
                pattern = next(pattern for pattern in _COLUMNS if file.match(pattern))
                require_columns(con, file, _COLUMNS[pattern])
                for log, query in _queries(con, pattern, file):
                    written.append(write_contract(con, query, log, target / f"{log}-{file.stem}.parquet"))
        finally:
            con.close()
        return written


def _queries(con: duckdb.DuckDBPyConnection, pattern: str, file: Path) -> list[tuple[str, str]]:
    """Return (log, query) for what the file becomes."""
    path = literal(file)
    if pattern == _IMPRESSIONS:
        shown = _SHOWN.format(file=path)
        return [
            ("inferences", _INFERENCES.format(shown=shown)),
            ("events", _EVENTS.format(shown=shown, skip_ms=SKIP_MS)),
        ]
    if pattern == _HISTORY:
        return [("events", _HISTORY_EVENTS.format(file=path))]
    if pattern == _VIDEOS:
        return [("items", _ITEMS.format(file=path))]
    return [("users", _PEOPLE.format(file=path, attributes=_attributes(con, path)))]


def _attributes(con: duckdb.DuckDBPyConnection, path: str) -> str:
    """Return the SQL struct fields of all columns but the id, with the dataset's "missing" (-124) as null."""
    columns = con.execute(f"describe select * exclude (user_id) from read_parquet({path})").fetchall()
    return ", ".join(
        f"'{name}': \"{name}\"" if kind == "VARCHAR" else f"'{name}': nullif(\"{name}\", -124)"
        for name, kind, *_ in columns
    )
