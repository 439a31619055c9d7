"""A build goes on from the last one only where the rules are the same: SQL, Python, seeds, settings."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from revealed.settings import Settings
from revealed.warehouse import plan
from revealed.warehouse.plan import project_digest


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A project of its own, its copy of the code that models call included."""
    ours = Settings.from_env({})
    ignored = shutil.ignore_patterns("target", "logs", "__pycache__")
    shutil.copytree(ours.dbt_project, tmp_path / "dbt_project", ignore=ignored)
    shutil.copytree(plan._MODEL_CODE, tmp_path / "feedback", ignore=ignored)
    monkeypatch.setattr(plan, "_MODEL_CODE", tmp_path / "feedback")
    return Settings.from_env({"REVEALED_PROJECT": str(tmp_path)})


@pytest.mark.parametrize(
    "rule",
    [
        "dbt_project/models/marts/reversals/fct_reversals.sql",
        "dbt_project/models/build/reversals/int_reversal_allocations.py",
        "dbt_project/macros/exact_sum.sql",
        "dbt_project/seeds/signal_policy.csv",
        "dbt_project/dbt_project.yml",
        "feedback/reversals/allocation.py",
    ],
)
def test_every_rule_counts(settings: Settings, rule: str) -> None:
    before = project_digest(settings)
    assert project_digest(settings) == before
    path = settings.project_root / rule
    path.write_text(path.read_text() + "\n")
    assert project_digest(settings) != before


def test_descriptions_and_compiled_files_do_not(settings: Settings) -> None:
    before = project_digest(settings)
    (settings.dbt_project / "models" / "notes.yml").write_text("version: 2\n")
    (settings.project_root / "feedback" / "old.pyc").write_bytes(b"x")
    assert project_digest(settings) == before


def test_settings_count(settings: Settings) -> None:
    longer = Settings.from_env({"REVEALED_PROJECT": str(settings.project_root), "REVEALED_HOLDOUT_DAYS": "9"})
    assert project_digest(longer) != project_digest(settings)
