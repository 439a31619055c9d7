"""Train a challenger when one is due.

**What**: fits the recommender on the newest feedback dataset, evaluates it on the days held out against
popularity and the champion, and registers it in MLflow as the challenger.

**Inputs**: `feedback_dataset`, or `feedback_drift`. **Outputs**: `challenger_model`.

**Schedule**: looks at every new dataset, trains when the last model misses `REVEALED_RETRAIN_EVERY_DAYS`
days of *data* (7), when there is no model, or when the feedback drifts. By hand: `force` trains in any
case.

**When it fails**: the champion stays. `no_data` means that the dataset holds too little to hold days out;
`registry` that MLflow is out of reach (tried again by itself). Clear the task once the cause is gone:
training is repeatable.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, dag, task

from revealed.assets import CHALLENGER_MODEL, FEEDBACK_DATASET, FEEDBACK_DRIFT
from revealed.orchestration import (
    DAG_DEFAULTS,
    Tag,
    announce,
    log,
    nothing_to_do_skips,
    report_progress,
    run_url,
    was_started_by,
)
from revealed.settings import Settings


@dag(
    schedule=(FEEDBACK_DATASET | FEEDBACK_DRIFT),
    params={"force": Param(False, type="boolean", description="train whether due or not")},
    tags=[Tag.TRAIN],
    doc_md=__doc__,
    **DAG_DEFAULTS,
)
def train_recommender() -> None:
    """A feedback dataset in, a challenger out."""

    @task.short_circuit
    def is_training_due(*, params: Any = None, triggering_asset_events: Any = None) -> bool:
        from revealed.cadence import decide_next_training

        drifted = was_started_by(FEEDBACK_DRIFT, triggering_asset_events)
        decision = decide_next_training(Settings.from_env(), forced=params["force"], drifted=drifted)
        log.info(decision.reason)
        return decision.due

    @task(outlets=[CHALLENGER_MODEL])
    def train(*, dag_run: Any = None, outlet_events: Any = None) -> str:
        from revealed.training import train_challenger

        settings = Settings.from_env()
        with nothing_to_do_skips():
            result = train_challenger(settings, airflow_run_url=run_url(dag_run), progress=report_progress)
        announce(outlet_events, [CHALLENGER_MODEL], version=result.version, as_of=result.as_of)
        return result.version

    is_training_due() >> train()


train_recommender()
