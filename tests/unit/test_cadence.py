from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revealed.cadence import decide_training

START = datetime(2026, 1, 1)  # noqa: DTZ001 - our tables hold UTC without a zone


@given(st.integers(1, 60), st.integers(0, 400), st.integers(0, 86_399))
def test_a_model_is_due_after_so_many_whole_days_of_data(every: int, days: int, seconds: int) -> None:
    as_of = START + timedelta(days=days, seconds=seconds)
    assert decide_training(as_of, START, every_days=every).due == (days >= every)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(1, 10))
def test_replaying_the_days_trains_the_same_models_however_fast_they_come(
    gaps: list[int], every: int
) -> None:
    """A backfill of many days in an hour and the same days one by one train on the same as-of moments."""
    moments, last, trained = START, None, []
    for gap in gaps:
        moments += timedelta(days=gap)
        if decide_training(moments, last, every_days=every).due:
            trained.append(moments)
            last = moments
    assert trained[0] == START + timedelta(days=gaps[0])
    assert all(after - before >= timedelta(days=every) for before, after in itertools.pairwise(trained))
    assert moments - trained[-1] < timedelta(days=every)


@pytest.mark.parametrize(
    ("last", "forced", "drifted", "due", "reason"),
    [
        (None, False, False, True, "no champion"),
        (START, True, False, True, "by hand"),
        (START, False, True, True, "drifted"),
        (START, False, False, False, "misses 1 days"),
        (START + timedelta(days=9), False, False, False, "misses 0 days"),
    ],
)
def test_the_reason_is_told(
    last: datetime | None, forced: bool, drifted: bool, due: bool, reason: str
) -> None:
    decision = decide_training(START + timedelta(days=1), last, every_days=7, forced=forced, drifted=drifted)
    assert decision.due is due
    assert reason in decision.reason
