"""The real data where it is present, and small stand-ins with the same columns everywhere."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

REAL_DATA = Path(__file__).resolve().parents[3].parent / "shared" / "data"


def _real(folder: str) -> Path:
    path = REAL_DATA / folder
    if not path.is_dir():
        pytest.skip(f"the real data is not here: ../shared/data/{folder}")
    return path


@pytest.fixture(scope="session")
def kuairand_source() -> Path:
    return _real("kuairand")


@pytest.fixture(scope="session")
def open_bandit_source() -> Path:
    return _real("obd_men")


@pytest.fixture
def small_kuairand(tmp_path: Path) -> Path:
    """Five shown videos (one row twice, one never played), one history, two videos, two users."""
    folder = tmp_path / "kuairand"
    folder.mkdir()
    duckdb.sql(f"""
        copy (select * from (values
            (7::smallint, 1::smallint, 1650812741436, 1, 1, 0, 0, 0, 0, 1, 61802, 49866, 0, 12, 1, 0, 1),
            (7, 1, 1650812741436, 1, 1, 0, 0, 0, 0, 1, 61802, 49866, 0, 12, 1, 0, 1),
            (7, 2, 1650812800000, 0, 0, 0, 0, 0, 1, 0, 2999, 10000, 0, 0, 0, 0, 1),
            (8, 2, 1650812900000, 0, 0, 0, 0, 0, 0, 0, 3000, 10000, 0, 0, 0, 0, 4),
            (8, 1, 1650813000000, 0, 0, 1, 1, 1, 0, 0, 0, 49866, 0, 0, 0, 0, 0)
        ) as t(user_id, video_id, time_ms, is_click, is_like, is_follow, is_comment, is_forward, is_hate, long_view,
            play_time_ms, duration_ms, profile_stay_time, comment_stay_time, is_profile_enter, is_rand, tab))
        to '{folder}/impressions_1.parquet' (format parquet)""")
    duckdb.sql(f"""
        copy (select 7::bigint as user_id, 5::bigint as history_len, 1650000000010 as last_time_ms,
            [4, 3, 4]::bigint[] as watch_seq, [3, 6]::bigint[] as like_seq, [5, 4]::bigint[] as long_watch_seq)
        to '{folder}/history_before_1.parquet' (format parquet)""")
    duckdb.sql(f"""
        copy (select * from (values
            (1::bigint, 70::bigint, 'NORMAL', '2022-04-10', 'Web', 0.0, 49866.0, '39,2'),
            (2, 71, 'AD', '2022-04-09', 'Kmovie', 3.0, null, null)
        ) as t(video_id, author_id, video_type, upload_dt, upload_type, visible_status, video_duration, tag))
        to '{folder}/videos.parquet' (format parquet)""")
    duckdb.sql(f"""
        copy (select * from (values (7::bigint, 'full_active', -124::bigint, 1.0), (8, 'UNKNOWN', 3, null))
            as t(user_id, user_active_degree, is_live_streamer, onehot_feat4))
        to '{folder}/users.parquet' (format parquet)""")
    return folder
