"""Review the challenger: gates first, then a person.

**What**: compares the challenger with the champion and with popularity, applies the gates, asks a person,
and on approval makes it the champion.

**Inputs**: `challenger_model`. **Outputs**: `champion_model`.

**Schedule**: on every new challenger. Open *Required Actions* on the home page to approve or reject; the
page shows the comparison, the gates and the MLflow link. With `REVEALED_AUTO_APPROVE=1` nobody is asked,
and the record says so.

**When it fails**: the champion stays. A challenger that does not pass the gates is not a failure of the
run: it ends in `turn_down`, whose log says which gate. After a rejection the same model is refused, however
often it is trained; new data make a new one. To take it all the same: `revealed model approve VERSION --force`.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, TriggerRule, dag, task

from revealed.approval_task import RecordedApproval
from revealed.assets import CHALLENGER_MODEL, CHAMPION_MODEL
from revealed.orchestration import DAG_DEFAULTS, Tag, announce, log, reviewer
from revealed.settings import Settings


@dag(schedule=[CHALLENGER_MODEL], tags=[Tag.REVIEW], doc_md=__doc__, **DAG_DEFAULTS)
def review_model() -> None:
    """A challenger in; a champion, or nothing new, out."""

    @task
    def assess() -> dict[str, Any]:
        from revealed import registry

        found = registry.assess_challenger(Settings.from_env())
        registry.record_gates(Settings.from_env(), found)
        return found.to_dict()

    @task.branch
    def choose_reviewer(assessment: Any) -> str | None:
        approver = "auto_approve" if Settings.from_env().auto_approve else "await_approval"
        return approver if assessment["passed"] else None

    @task
    def auto_approve() -> str:
        log.warning("REVEALED_AUTO_APPROVE is set: NOBODY HAS LOOKED at this model; it becomes the champion")
        return "auto-approved: nobody looked"

    await_approval = RecordedApproval(
        task_id="await_approval",
        subject="Shall this model recommend to everyone?",
        body="{{ ti.xcom_pull(task_ids='assess')['markdown'] }}",
        params={"comment": Param(None, type=["null", "string"], description="why (optional)")},
    )

    @task(outlets=[CHAMPION_MODEL], trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
    def promote(*, ti: Any = None, outlet_events: Any = None) -> str:
        from revealed import registry

        who, note = reviewer(ti)
        version: str = ti.xcom_pull(task_ids="assess")["version"]
        registry.promote(Settings.from_env(), version, who, note)
        announce(outlet_events, [CHAMPION_MODEL], version=version, approved_by=who)
        return version

    @task(trigger_rule=TriggerRule.ALL_SKIPPED)
    def turn_down(*, ti: Any = None) -> str:
        from revealed import registry

        assessment, (who, note) = ti.xcom_pull(task_ids="assess"), reviewer(ti)
        log.warning("turned down by %s; the champion stays\n%s", who, assessment["markdown"])
        registry.reject(Settings.from_env(), assessment["version"], who, note)
        return who

    choose_reviewer(assess()) >> [auto_approve(), await_approval] >> promote() >> turn_down()


review_model()
