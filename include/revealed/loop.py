"""The loop without Airflow: the same steps as the DAGs, in the same order, in one process."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from revealed.active_learning import publish_queries
from revealed.cadence import decide_next_training
from revealed.days import as_of_end_of
from revealed.errors import NoDataError
from revealed.feedback import write_dataset
from revealed.landing import ingest_landing
from revealed.progress import Progress, quiet
from revealed.publishing import SnapshotManifest, publish_snapshot
from revealed.quality import AuditResult
from revealed.registry import Assessment, assess_challenger, current_champion, promote
from revealed.reward import train_reward
from revealed.settings import Settings
from revealed.training import train_challenger
from revealed.warehouse import (
    BuildPlan,
    WarehouseManifest,
    audit_candidate,
    finish_candidate,
    prepare_candidate,
    publish_candidate,
    refuse_older,
    run_dbt,
)


@dataclass(frozen=True)
class LoopReport:
    """What one turn of the loop did."""

    as_of: datetime
    audit: AuditResult
    warehouse: WarehouseManifest
    dataset_version: str
    assessment: Assessment | None
    promoted_version: str | None
    snapshot: SnapshotManifest | None

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {
            "as_of": self.as_of.isoformat(),
            "audit": {"passed": self.audit.passed, "checks": self.audit.checks},
            "warehouse_generation": self.warehouse.generation,
            "dataset_version": self.dataset_version,
            "challenger_passed_gates": self.assessment.passed if self.assessment else None,
            "promoted_model_version": self.promoted_version,
            "snapshot_generation": self.snapshot.generation if self.snapshot else None,
        }


def build_warehouse(
    settings: Settings, as_of: datetime, *, from_scratch: bool = False, progress: Progress = quiet
) -> tuple[BuildPlan, AuditResult, WarehouseManifest]:
    """Prepare, build, audit and publish the warehouse as of a moment.

    Raises:
        NoDataError: nothing has landed. BuildFailedError: dbt failed. AuditFailedError: the audit found bad rows.
        StaleError: what is in service is newer.
    """
    refuse_older(settings, as_of)  # publishing would, after all the work
    plan = prepare_candidate(settings, as_of, from_scratch=from_scratch)
    run_dbt(settings, plan, progress=progress)
    finish_candidate(settings, plan)
    progress("auditing the candidate with Great Expectations")
    audit = audit_candidate(settings, plan)
    progress(f"audit: {audit.checks} checks, {'passed' if audit.passed else 'FAILED'}")
    manifest = publish_candidate(settings, plan, audit)
    progress(f"published warehouse generation {manifest.generation}")
    return plan, audit, manifest


def run_loop(
    settings: Settings,
    through: date,
    *,
    approve_as: str | None,
    retrain: bool = False,
    progress: Progress = quiet,
) -> LoopReport:
    """Run the loop through the end of `through` and return what it did.

    Args:
        settings: where everything is.
        through: the last day whose lines count.
        approve_as: who approves a challenger that passes the gates; None leaves it waiting for review.
        retrain: train a challenger also where the champion is fresh enough.
        progress: told at each step.
    """
    as_of = as_of_end_of(through)
    if settings.landing.is_dir():
        ingest_landing(settings, progress=progress)
    _, audit, warehouse = build_warehouse(settings, as_of, progress=progress)
    dataset = write_dataset(settings, settings.published_warehouse)
    progress(f"feedback dataset {dataset.version}")
    assessment = _train_if_due(settings, dataset.version, retrain=retrain, progress=progress)
    promoted = None
    if assessment and assessment.passed and approve_as:
        promoted = assessment.version
        promote(
            settings, promoted, approved_by=approve_as, note="approved by the person who ran `revealed run`"
        )
        progress(f"model version {promoted} is champion, approved by {approve_as}")
    _train_reward(settings, dataset.version, progress)
    snapshot = _publish(settings, progress) if current_champion(settings) else None
    return LoopReport(as_of, audit, warehouse, dataset.version, assessment, promoted, snapshot)


def _train_reward(settings: Settings, dataset_version: str, progress: Progress) -> None:
    """Train the reward model, or say why not."""
    try:
        train_reward(settings, dataset_version, progress=progress)
    except NoDataError as error:
        progress(f"no reward model: {error.describe()}")


def _publish(settings: Settings, progress: Progress) -> SnapshotManifest:
    """Publish the champion's lists, and the questions whose answers would teach it most."""
    snapshot = publish_snapshot(settings, progress=progress)
    try:
        publish_queries(settings, progress=progress)
    except NoDataError as error:
        progress(f"nothing to ask: {error.describe()}")
    return snapshot


def _train_if_due(
    settings: Settings, dataset_version: str, *, retrain: bool, progress: Progress
) -> Assessment | None:
    """Train and assess a challenger, or say why not: too little data stops a model, never the feedback."""
    decision = decide_next_training(settings, forced=retrain)
    progress(f"training: {decision.reason}")
    if not decision.due:
        return None
    try:
        train_challenger(settings, dataset_version, progress=progress)
    except NoDataError as error:
        progress(f"no new model, what is in service stays: {error.describe()}")
        return None
    return assess_challenger(settings)
