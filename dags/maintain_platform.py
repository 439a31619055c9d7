"""Clear away what crashes left behind, and datasets that nothing names any more.

**What**: removes abandoned candidates and temporary files that no running process holds, and feedback
datasets beyond `REVEALED_KEEP_DATASETS` that no registered model or kept snapshot was made from. Nothing in
service, nothing that a generation setting keeps, and no raw data is touched.

**Inputs**: none. **Outputs**: none.

**Schedule**: monthly, or by hand when the disk fills.

**When it fails**: nothing depends on it; read the message, then clear the task.
"""

from __future__ import annotations

from airflow.sdk import CronTriggerTimetable, dag, task

from revealed.orchestration import DAG_DEFAULTS, NOT_AT_ONCE, Tag
from revealed.settings import Settings


@dag(
    schedule=CronTriggerTimetable("0 3 1 * *", timezone="UTC", run_immediately=NOT_AT_ONCE),
    tags=[Tag.MAINTAIN],
    doc_md=__doc__,
    **DAG_DEFAULTS,
)
def maintain_platform() -> None:
    """Leftovers in, disk space out."""

    @task
    def clean_leftovers() -> list[str]:
        from revealed import warehouse

        return [str(path) for path in warehouse.clean_leftovers(Settings.from_env())]

    @task
    def clear_old_datasets() -> list[str]:
        from revealed import retention

        return [str(path) for path in retention.clear_old_datasets(Settings.from_env())]

    clean_leftovers()
    clear_old_datasets()


maintain_platform()
