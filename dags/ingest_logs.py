"""Land the logs: every line becomes typed Parquet, or is quarantined with its reason.

**What**: reads every complete file in the landing folder into typed Parquet by day, counts every line, and
quarantines with reasons what breaks the contract. Files that were landed before add nothing.

**Inputs**: `$REVEALED_HOME/landing/{events,inferences,items,users}/`. **Outputs**: `raw_events`,
`raw_inferences`; their events carry `as_of`, the end of the data interval, and the counts.

**Schedule**: daily, one run for each day of data. By hand: give `through`, the last day that counts.

**When it fails**: `missing_input` means that the landing folder is not there: create it, then clear the task.
Quarantined lines do not fail the run: see `raw/quarantine/` for line, file and reason.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow.sdk import CronTriggerTimetable, Param, dag, task

from revealed.assets import RAW_EVENTS, RAW_INFERENCES
from revealed.clock import utc_now
from revealed.orchestration import (
    DAG_DEFAULTS,
    DAY,
    NOT_AT_ONCE,
    Tag,
    announce,
    interval_end,
    report_progress,
)
from revealed.settings import Settings


@dag(
    schedule=CronTriggerTimetable("0 0 * * *", timezone="UTC", interval=DAY, run_immediately=NOT_AT_ONCE),
    params={
        "through": Param(None, type=["null", "string"], format="date", description="the last day that counts")
    },
    tags=[Tag.INGEST],
    doc_md=__doc__,
    **DAG_DEFAULTS,
)
def ingest_logs() -> None:
    """Landing folder in, raw assets out."""

    @task(outlets=[RAW_EVENTS, RAW_INFERENCES])
    def land_files(
        *, params: Any = None, outlet_events: Any = None, data_interval_end: datetime | None = None
    ) -> dict[str, Any]:
        from revealed.landing import ingest_landing

        as_of = interval_end(params["through"], data_interval_end, utc_now()).isoformat()
        report = ingest_landing(Settings.from_env(), progress=report_progress).to_dict()
        announce(outlet_events, [RAW_EVENTS, RAW_INFERENCES], as_of=as_of, **report)
        return report | {"as_of": as_of}

    land_files()


ingest_logs()
