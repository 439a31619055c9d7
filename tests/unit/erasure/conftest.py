"""A fresh home for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from revealed import durable
from revealed.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    home = tmp_path / "home"
    for log in ("events", "inferences", "items", "users"):
        (home / "landing" / log).mkdir(parents=True)
    return Settings(home=home, project_root=tmp_path, landing_grace_seconds=0.0)


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Power cuts are not tested here."""
    monkeypatch.setattr(durable, "fsync_file", lambda path: None)
    monkeypatch.setattr(durable, "fsync_directory", lambda folder: None)
