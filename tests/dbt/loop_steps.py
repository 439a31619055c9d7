"""Steps that the dbt tests share: land what a world sent by some moment, and build as of it."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

from compiled_models import run_dbt_command

from revealed.quality import AuditResult
from revealed.settings import Settings
from revealed.warehouse import (
    BuildPlan,
    digest_file,
    finish_candidate,
    prepare_candidate,
    publish_candidate,
    run_dbt,
)


def settings_at(home: Path) -> Settings:
    """Settings of a fresh home, two-day holdout, without the landing folder's grace period."""
    return Settings.from_env(
        {
            "REVEALED_HOME": str(home),
            "REVEALED_LANDING_GRACE_SECONDS": "0",
            "REVEALED_HOLDOUT_DAYS": "2",
        }
    )


def build(settings: Settings, as_of: datetime, *, from_scratch: bool = False) -> BuildPlan:
    """Build and finish a candidate; the models' data tests run in tests/integration and test_models.py."""
    plan = prepare_candidate(settings, as_of, from_scratch=from_scratch)
    run_dbt(settings, plan, data_tests=False)
    finish_candidate(settings, plan)
    return plan


def build_models(settings: Settings, as_of: datetime, *models: str, from_scratch: bool = False) -> BuildPlan:
    """Build these models, in dbt's words, and no mart beyond; what only the build needs is still there."""
    plan = prepare_candidate(settings, as_of, from_scratch=from_scratch)
    skipped = ("--exclude-resource-type", "test", "unit_test")
    run_dbt_command(settings, plan.folder, "build", *skipped, "--select", *models)
    return plan


def hashes(settings: Settings, database: Path) -> dict[str, str]:
    """Content hashes of every mart."""
    return {name: entry["hash"] for name, entry in digest_file(settings, database).items()}


def put_into_service(settings: Settings, plan: BuildPlan) -> None:
    """Publish without an audit: these tests are about the build; tests/integration audits for real."""
    publish_candidate(
        settings, plan, AuditResult(passed=True, checks=1, failures=[], data_docs=settings.data_docs)
    )


def copy_landing(source: Path, target: Path, keep: set[str] | None = None) -> None:
    """Copy landing files (of the names in `keep`, or all) as an outside system would: under a hidden name, then renamed."""
    for path in sorted(source.rglob("*")):
        if path.is_file() and (keep is None or path.name in keep):
            final = target / path.relative_to(source)
            final.parent.mkdir(parents=True, exist_ok=True)
            staged = final.with_name(f".{final.name}")
            shutil.copyfile(path, staged)
            staged.rename(final)
