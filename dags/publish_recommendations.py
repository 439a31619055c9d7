"""Publish the champion's recommendations as one snapshot.

**What**: the champion scores every user; top lists, similar items and fallbacks for unknown users are
written as one snapshot, checked, and put in service by one pointer. Then the questions whose answers would teach
the model most (`published/queries/`).

**Inputs**: `champion_model`, or `feedback_dataset` (what people have consumed since is left out).
**Outputs**: `recommendation_snapshot`.

**Schedule**: on either input; does nothing while there is no champion.

**When it fails**: the old snapshot stays in service. `damaged_model` means that the model's files do not
match their checksums: train and approve again. `locked` is tried again by itself.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import dag, task

from revealed.assets import CHAMPION_MODEL, FEEDBACK_DATASET, RECOMMENDATION_SNAPSHOT
from revealed.orchestration import DAG_DEFAULTS, Tag, announce, nothing_to_do_skips, report_progress
from revealed.settings import Settings


@dag(schedule=(CHAMPION_MODEL | FEEDBACK_DATASET), tags=[Tag.PUBLISH], doc_md=__doc__, **DAG_DEFAULTS)
def publish_recommendations() -> None:
    """A champion in, a snapshot in service out."""

    @task.short_circuit
    def has_champion() -> bool:
        from revealed.registry import has_champion as has

        return has(Settings.from_env())

    @task(outlets=[RECOMMENDATION_SNAPSHOT])
    def publish_snapshot(*, outlet_events: Any = None) -> str:
        from revealed.publishing import publish_snapshot as publish

        snapshot = publish(Settings.from_env(), progress=report_progress)
        announce(outlet_events, [RECOMMENDATION_SNAPSHOT], snapshot=snapshot.snapshot_id)
        return snapshot.snapshot_id

    @task
    def publish_queries() -> int:
        from revealed import active_learning

        with nothing_to_do_skips():
            return active_learning.publish_queries(Settings.from_env(), progress=report_progress).generation

    has_champion() >> publish_snapshot() >> publish_queries()


publish_recommendations()
