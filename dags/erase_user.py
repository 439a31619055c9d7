"""Erase a person from everything that the platform keeps, and leave a receipt.

**What**: the person's lines leave the logs and the quarantine; warehouse, dataset, reward scores, snapshot and queries
are made again without them through the usual audits, and every older copy goes; what reports and the embedded databases
say of the id is overwritten; every file is searched; later lines of the person are dropped on arrival (docs/erasure.md).

**Inputs**: the param `user_id`. It stands in Airflow's own database until the last step overwrites it there (embedded
SQLite); with Airflow on PostgreSQL run `revealed erase` instead, or delete this run afterwards.
**Outputs**: `feedback_dataset`'s and `recommendation_snapshot`'s content changes; no asset event is sent, so that nothing
is retrained. The task returns the receipt's name.

**Schedule**: none; by hand, with the param.

**When it fails**: start it again with the same param: it goes on where it stopped. `locked`, and a task that was killed,
are tried again by themselves, also once the param has been overwritten.
`erasure_incomplete` names the files that still hold the id. `unknown_person`: check the id.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, dag, task

from revealed.orchestration import DAG_DEFAULTS, Tag, report_progress
from revealed.settings import Settings


@dag(
    schedule=None,
    tags=[Tag.MAINTAIN],
    doc_md=__doc__,
    params={
        "user_id": Param("", type="string", description="The user id to erase. There is no way back."),
        "asked_by": Param("", type="string", description="Who asked for it; stands in the receipt."),
        "even_unknown": Param(False, type="boolean", description="Keep an id out that nobody here knows."),
    },
    **DAG_DEFAULTS,
)
def erase_user() -> None:
    """A person in, a receipt out."""

    @task
    def erase(*, params: Any = None) -> str:
        from revealed.erasure.erase import erase as erase_person

        done = erase_person(
            Settings.from_env(),
            params["user_id"],
            asked_by=params["asked_by"] or "Airflow",
            even_unknown=params["even_unknown"],
            progress=report_progress,
        )
        return done.receipt

    erase()


erase_user()
