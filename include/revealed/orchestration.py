"""What the DAGs share: owners, tags, retries, and how an as-of moment travels from DAG to DAG.

With `assets.py` and `approval_task.py` the only module that imports Airflow; the steps know nothing of it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from airflow.sdk import Asset, ExceptionRetryPolicy, RetryAction, RetryRule, conf
from airflow.sdk.exceptions import AirflowSkipException

from revealed.days import as_of_end_of, parse_day
from revealed.errors import LockedError, NoDataError, RegistryError, RevealedError, StaleError, UsageError

OWNER = "revealed"
DAY = timedelta(days=1)
# Unpausing a DAG starts nothing: its first run comes with the next interval. (False would still start one
# within a tenth of the interval.)
NOT_AT_ONCE = timedelta(0)
log = logging.getLogger("revealed")


class Tag(StrEnum):
    """Every tag that a DAG may carry: the stage of the loop."""

    INGEST = "ingest"
    BUILD = "build"
    TRAIN = "train"
    REVIEW = "review"
    PUBLISH = "publish"
    MAINTAIN = "maintain"


# The one place that decides what a second attempt may change: a lock goes free and a registry comes back,
# but a failed audit, a damaged file or a missing folder gives the same answer again, only later.
RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception=[LockedError, RegistryError],
            action=RetryAction.RETRY,
            retry_delay=timedelta(seconds=20),
            reason="another process may be done, or the registry back, in a moment",
        ),
        RetryRule(
            exception=RevealedError,
            action=RetryAction.FAIL,
            reason="the same input would give the same answer: not tried again",
        ),
    ]
)

DEFAULT_ARGS: dict[str, Any] = {
    "owner": OWNER,
    "retries": 2,
    "retry_delay": timedelta(seconds=30),
    "retry_policy": RETRY_POLICY,
}

# One run at a time keeps the grid readable; the locks and generation checks of the steps keep the data right.
DAG_DEFAULTS: dict[str, Any] = {
    "catchup": False,
    "max_active_runs": 1,
    "default_args": DEFAULT_ARGS,
}


def report_progress(message: str, done: int = 0, total: int = 0) -> None:
    """Write progress into the task's log (a `revealed.progress.Progress`)."""
    log.info("%s%s", message, f" {done:,}/{total:,}" if total else "")


def interval_end(through: str | None, data_interval_end: datetime | None, now: datetime) -> datetime:
    """Return the as-of moment of an ingesting run: midnight UTC after its last day.

    Args:
        through: the last day, `YYYY-MM-DD`, when a person chose one.
        data_interval_end: the end of the run's data interval, when the schedule started it.
        now: the present; used only for a run by hand that says nothing, which means "up to yesterday".

    Raises:
        UsageError: `through` is not a day.
    """
    if through:
        return as_of_end_of(parse_day(through, where="through"))
    if data_interval_end:
        return data_interval_end.astimezone(UTC)
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def iso_utc(moment: datetime) -> str:
    """Return a moment as ISO text with its zone; one without a zone is UTC, as everywhere in our tables."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


def newest_as_of(as_of: str | None, triggering_asset_events: Mapping[Asset, Iterable[Any]]) -> datetime:
    """Return the as-of moment that a run works for: the one asked for, else the newest its assets brought.

    Raises:
        UsageError: there is neither, or it is no moment with a zone.
    """
    moments = [as_of] if as_of else list(_values("as_of", triggering_asset_events))
    if not moments:
        raise UsageError(
            "nothing says as of which moment to build",
            where="as_of",
            remedy="run ingest_logs, or start this DAG with as_of, for example 2026-02-01T00:00:00+00:00",
        )
    try:
        parsed = max(datetime.fromisoformat(str(moment)) for moment in moments)
    except (ValueError, TypeError):
        raise UsageError(f"{moments!r} holds no moment with a zone", where="as_of") from None
    if parsed.tzinfo is None:
        raise UsageError(f"{parsed.isoformat()} has no time zone", where="as_of", remedy="append +00:00")
    return parsed.astimezone(UTC)


def _values(key: str, events: Mapping[Asset, Iterable[Any]]) -> Iterable[str]:
    return (str(event.extra[key]) for group in events.values() for event in group if event.extra.get(key))


def was_started_by(asset: Asset, triggering_asset_events: Mapping[Asset, Iterable[Any]]) -> bool:
    """Return whether an event of `asset` is among those that started this run."""
    return any(started.name == asset.name for started in triggering_asset_events)


def announce(outlet_events: Any, assets: Iterable[Asset], **extra: Any) -> None:
    """Attach `extra` (ids, moments, counts) to the events that this task sends for `assets`."""
    for asset in assets:
        outlet_events[asset].extra = dict(extra)


@contextmanager
def nothing_to_do_skips() -> Iterator[None]:
    """Skip the task, and what follows, where there is too little data or something newer is in service already."""
    try:
        yield
    except (NoDataError, StaleError) as error:
        log.warning(error.describe())
        raise AirflowSkipException(error.describe()) from error


def run_url(dag_run: Any) -> str:
    """Return the address of this run in Airflow's UI."""
    base = conf.get("api", "base_url", fallback="") or ""
    return f"{base.rstrip('/')}/dags/{dag_run.dag_id}/runs/{quote(dag_run.run_id)}"


def reviewer(ti: Any) -> tuple[str, str]:
    """Return who decided about a challenger, and the comment; `ti` is of a later task of the run."""
    answer = ti.xcom_pull(task_ids="await_approval", key="answer")
    if isinstance(answer, Mapping):
        return str(answer["who"]), str(answer["note"])
    return str(ti.xcom_pull(task_ids="auto_approve") or "the gates"), ""
