"""Train a challenger when one is due.

**What**: fits the contenders (ALS, frequency-scaled ALS, BPR, item content, recency, popularity) on the newest feedback
dataset, compares them and the champion on the days held out, and registers the best as the challenger. Then the reward
model: which of two shown items a person prefers.

**Inputs**: `feedback_dataset`, or `feedback_drift`. **Outputs**: `challenger_model`.

**Schedule**: at every new dataset, if the last model misses `REVEALED_RETRAIN_EVERY_DAYS` days of *data* (7), if there is
no model, or if the feedback drifts; refreshed until the last full fit misses `REVEALED_REFIT_EVERY_DAYS`.
**When it fails**: the champion stays. `no_data`: too few days; `registry`: MLflow is out of reach. Clear the task.
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
    params={
        "force": Param(False, type="boolean", description="train whether due or not"),
        "fit": Param("auto", enum=["auto", "full", "refresh"], description="from nothing, or the champion"),
        "trials": Param(0, type="integer", minimum=0, description="of a search for parameters; 0: as set"),
        "contenders": Param([], type="array", description="models that compete; none: as set"),
    },
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

    @task(outlets=[CHALLENGER_MODEL], queue=Settings.from_env().training_queue)
    def train(*, params: Any = None, dag_run: Any = None, outlet_events: Any = None) -> str:
        from revealed.training import TrainingRequest, train_challenger

        settings, url = Settings.from_env(), run_url(dag_run)
        asked = TrainingRequest.of_params(settings, params)
        with nothing_to_do_skips():
            result = train_challenger(settings, request=asked, airflow_run_url=url, progress=report_progress)
        announce(outlet_events, [CHALLENGER_MODEL], version=result.version, as_of=result.as_of)
        return result.version

    @task
    def train_reward() -> str:
        from revealed import reward

        with nothing_to_do_skips():
            return reward.train_reward(Settings.from_env(), progress=report_progress).model_id

    is_training_due() >> train() >> train_reward()


train_recommender()
