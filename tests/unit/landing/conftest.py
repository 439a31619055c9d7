"""A fresh home for each test."""

from __future__ import annotations

from pathlib import Path

import pytest
from revealed.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    home = tmp_path / "home"
    for log in ("events", "inferences", "items", "users"):
        (home / "landing" / log).mkdir(parents=True)
    return Settings(home=home, project_root=tmp_path)
