"""The audit in a process of its own gives the same verdict, and a process that ends without one never passes a snapshot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from test_snapshot import SOURCES, USERS, K, snapshot_in

from revealed.errors import AuditFailedError
from revealed.quality import audit_snapshot
from revealed.quality.audit_process import AuditProcess, audit_process
from revealed.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("REVEALED_HOME", str(tmp_path / "home"))
    return Settings.from_env()


def test_the_verdict_is_the_same(settings: Settings, tmp_path: Path) -> None:
    """One person too few has a list: a failure with its rows comes back whole, and a pass would show as no failure."""
    folder, expected = snapshot_in(tmp_path / "snapshot"), USERS + 1
    here = audit_snapshot(settings, folder, users_expected=expected, k=K, **SOURCES)
    with audit_process() as audit:
        there = audit(settings, folder, users_expected=expected, k=K, **SOURCES)
    assert (there.passed, there.checks, there.failures) == (here.passed, here.checks, here.failures)
    assert not there.passed


def test_what_cannot_be_read_is_refused_as_it_is_here(settings: Settings, tmp_path: Path) -> None:
    with audit_process() as audit, pytest.raises(AuditFailedError, match="the snapshot cannot be read"):
        audit(settings, tmp_path / "nothing", users_expected=1, k=1, **SOURCES)


def test_a_process_that_dies_is_no_pass(settings: Settings, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.stdin.read(); sys.exit(9)"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with pytest.raises(AuditFailedError, match="exit code 9"):
        AuditProcess(child)(settings, tmp_path, users_expected=1, k=1, **SOURCES)


def test_a_process_that_was_asked_nothing_ends() -> None:
    with audit_process() as audit:
        child = audit._child
    assert child.poll() is not None


def test_it_can_be_started_before_anything_else_is_imported() -> None:
    """A rollback starts the process first: what this imports delays the longer of two ways."""
    heavy = {"numpy", "pyarrow", "duckdb", "mlflow", "great_expectations", "jinja2", "msgspec"}
    code = f"import sys, revealed.quality.audit_process; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
