"""Build the feedback: write a candidate, audit it, publish it.

**What**: dbt builds the marts in a candidate file (one task a model below, all run by one `dbt build`),
Great Expectations audits it, and only a candidate that passes is published; then the feedback dataset is
written from it.

**Inputs**: `raw_events`, `raw_inferences`. **Outputs**: `published_warehouse`, `feedback_dataset`.

**Schedule**: whenever both raw assets are new; built as of the moment in their events. By hand: give `as_of`.

**When it fails**: what was in service stays in service. `audit` names the rows that broke an expectation
(see also the Data Docs); `dbt_build` shows dbt's message in `dbt_producer_watcher`. Correct the cause, then
start a new run. Skipped: nothing to do, a newer moment is published already or nothing has landed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.sdk import Param, dag, task

from revealed.assets import FEEDBACK_DATASET, PUBLISHED_WAREHOUSE, RAW_EVENTS, RAW_INFERENCES
from revealed.dbt_tasks import dbt_task_group
from revealed.orchestration import DAG_DEFAULTS, Tag, announce, iso_utc, newest_as_of, nothing_to_do_skips
from revealed.settings import Settings


@dag(
    schedule=[RAW_EVENTS, RAW_INFERENCES],
    params={"as_of": Param(None, type=["null", "string"], format="date-time")},
    tags=[Tag.BUILD],
    doc_md=__doc__,
    **DAG_DEFAULTS,
)
def build_feedback() -> None:
    """Raw assets in, published warehouse and feedback dataset out."""

    @task
    def prepare_candidate(*, params: Any = None, triggering_asset_events: Any = None) -> str:
        from revealed import warehouse

        settings, as_of = Settings.from_env(), newest_as_of(params["as_of"], triggering_asset_events)
        with nothing_to_do_skips():
            warehouse.refuse_older(settings, as_of)
            return str(warehouse.prepare_candidate(settings, as_of).folder)

    @task
    def audit(candidate: str) -> int:
        from revealed import warehouse

        settings, plan = Settings.from_env(), warehouse.load_plan(Path(candidate))
        warehouse.finish_candidate(settings, plan)
        result = warehouse.audit_candidate(settings, plan)
        result.require_pass()
        return result.checks

    @task(outlets=[PUBLISHED_WAREHOUSE])
    def publish_warehouse(candidate: str, *, outlet_events: Any = None) -> int:
        from revealed import warehouse

        published = warehouse.publish_built(Settings.from_env(), Path(candidate))
        announce(outlet_events, [PUBLISHED_WAREHOUSE], as_of=published.as_of, generation=published.generation)
        return published.generation

    @task(outlets=[FEEDBACK_DATASET])
    def write_dataset(*, outlet_events: Any = None) -> str:
        from revealed import feedback

        settings = Settings.from_env()
        dataset = feedback.write_dataset(settings, settings.published_warehouse.resolve())
        announce(outlet_events, [FEEDBACK_DATASET], as_of=iso_utc(dataset.as_of), version=dataset.version)
        return dataset.version

    candidate: Any = prepare_candidate()
    models = dbt_task_group(Settings.from_env(), folder="{{ ti.xcom_pull(task_ids='prepare_candidate') }}")
    candidate >> models >> audit(candidate) >> publish_warehouse(candidate) >> write_dataset()


build_feedback()
