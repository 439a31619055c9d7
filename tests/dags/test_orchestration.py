from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Asset, RetryAction
from airflow.sdk.exceptions import AirflowSkipException
from hypothesis import given
from hypothesis import strategies as st

from revealed import errors
from revealed.approval_task import RecordedApproval
from revealed.assets import FEEDBACK_DATASET, FEEDBACK_DRIFT, RAW_EVENTS, RAW_INFERENCES
from revealed.errors import (
    AuditFailedError,
    LockedError,
    NoDataError,
    RegistryError,
    RevealedError,
    StaleError,
    UsageError,
)
from revealed.orchestration import (
    RETRY_POLICY,
    announce,
    interval_end,
    iso_utc,
    newest_as_of,
    nothing_to_do_skips,
    reviewer,
    was_started_by,
)

pytestmark = pytest.mark.dags

NOON = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)
KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, RevealedError)]


def _events(**extras: list[str | None]) -> dict[Asset, list[Any]]:
    named = {"raw_events": RAW_EVENTS, "raw_inferences": RAW_INFERENCES}
    return {
        named[name]: [SimpleNamespace(extra={"as_of": moment} if moment else {}) for moment in moments]
        for name, moments in extras.items()
    }


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_another_process_may_cure_is_tried_again(kind: type[RevealedError]) -> None:
    decision = RETRY_POLICY.evaluate(kind("x"), try_number=1, max_tries=2)
    expected = RetryAction.RETRY if kind in (LockedError, RegistryError) else RetryAction.FAIL
    assert decision.action is expected


def test_an_unknown_error_keeps_airflows_retries() -> None:
    assert RETRY_POLICY.evaluate(OSError("disk"), 1, 2).action is RetryAction.DEFAULT


def test_the_last_day_counts_whole() -> None:
    assert interval_end("2026-01-31", NOON, NOON) == datetime(2026, 2, 1, tzinfo=UTC)


def test_a_scheduled_run_works_up_to_the_end_of_its_interval() -> None:
    end = datetime(2026, 3, 1, 1, tzinfo=UTC)
    assert interval_end(None, end, NOON) == end


def test_a_run_by_hand_without_a_day_works_up_to_yesterday() -> None:
    assert interval_end(None, None, NOON) == datetime(2026, 3, 4, tzinfo=UTC)


@pytest.mark.parametrize("text", ["yesterday", "2026-02-30", "20260230", "2026-01-01T00:00"])
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a day"):
        interval_end(text, None, NOON)


@given(st.lists(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), min_size=1), st.data())  # noqa: DTZ001
def test_the_newest_moment_of_all_events_wins_in_any_order_and_zone(
    moments: list[datetime], data: st.DataObject
) -> None:
    zones = [timedelta(hours=data.draw(st.integers(-12, 12))) for _ in moments]
    from datetime import timezone

    texts = [
        m.replace(tzinfo=UTC).astimezone(timezone(z)).isoformat() for m, z in zip(moments, zones, strict=True)
    ]
    split = data.draw(st.integers(0, len(texts)))
    events = _events(raw_events=list(texts[:split]), raw_inferences=list(texts[split:]))
    assert newest_as_of(None, events) == max(moments).replace(tzinfo=UTC)


def test_the_moment_asked_for_goes_before_the_events() -> None:
    events = _events(raw_events=["2026-05-01T00:00:00+00:00"])
    assert newest_as_of("2026-02-01T00:00:00+00:00", events) == datetime(2026, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-02-01T00:00:00", "soon"])
def test_a_moment_without_a_zone_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="zone"):
        newest_as_of(text, {})


def test_a_run_that_knows_no_moment_is_refused() -> None:
    with pytest.raises(UsageError, match="as of which moment"):
        newest_as_of(None, _events(raw_events=[None]))


def test_a_moment_without_a_zone_is_utc_when_written() -> None:
    assert iso_utc(datetime(2026, 1, 2)) == "2026-01-02T00:00:00+00:00"  # noqa: DTZ001


def test_the_starting_asset_is_known_by_its_name() -> None:
    started = {FEEDBACK_DRIFT: [SimpleNamespace(extra={})]}
    assert was_started_by(FEEDBACK_DRIFT, started)
    assert not was_started_by(FEEDBACK_DATASET, started)


def test_each_asset_event_carries_its_own_copy() -> None:
    sent = {RAW_EVENTS: SimpleNamespace(extra={}), RAW_INFERENCES: SimpleNamespace(extra={})}
    announce(sent, [RAW_EVENTS, RAW_INFERENCES], as_of="t", files=3)
    assert sent[RAW_EVENTS].extra == sent[RAW_INFERENCES].extra == {"as_of": "t", "files": 3}
    assert sent[RAW_EVENTS].extra is not sent[RAW_INFERENCES].extra


class Pulled:
    """A task instance whose run handed on `values`, by task and key."""

    def __init__(self, values: dict[tuple[str, str], Any]) -> None:
        self.values = values

    def xcom_pull(self, task_ids: str, key: str = "return_value") -> Any:
        return self.values.get((task_ids, key))


@pytest.mark.parametrize(
    ("pulled", "expected"),
    [
        (
            {("auto_approve", "return_value"): "auto-approved: nobody looked"},
            ("auto-approved: nobody looked", ""),
        ),
        ({("await_approval", "answer"): {"who": "ada", "note": "fine"}}, ("ada", "fine")),
        ({}, ("the gates", "")),
    ],
)
def test_the_record_says_who_decided(pulled: dict[tuple[str, str], Any], expected: tuple[str, str]) -> None:
    assert reviewer(Pulled(pulled)) == expected


@pytest.mark.parametrize("choice", ["Approve", "Reject"])
def test_an_answer_is_recorded_whatever_it_is(choice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    acted: list[str] = []
    monkeypatch.setattr(
        ApprovalOperator,
        "execute_complete",
        lambda self, context, event: acted.extend(event["chosen_options"]),
    )
    pushed: dict[str, Any] = {}
    ti = SimpleNamespace(xcom_push=lambda key, value: pushed.update({key: value}))
    event = {
        "chosen_options": [choice],
        "params_input": {"comment": None if choice == "Approve" else "too narrow"},
        "responded_by_user": {"id": "7", "name": "ada"},
    }
    RecordedApproval(task_id="ask", subject="?").execute_complete({"ti": ti}, event)
    assert pushed == {"answer": {"who": "ada", "note": "" if choice == "Approve" else "too narrow"}}
    assert acted == [choice]


@pytest.mark.parametrize("kind", [NoDataError, StaleError])
def test_nothing_to_do_skips_and_says_why(kind: type[RevealedError]) -> None:
    with pytest.raises(AirflowSkipException, match="too little"), nothing_to_do_skips():
        raise kind("too little")


def test_a_failed_audit_is_never_skipped_over() -> None:
    with pytest.raises(AuditFailedError), nothing_to_do_skips():
        raise AuditFailedError("bad rows")
