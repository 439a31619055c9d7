from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

# The planted world and the homes made from it are shared by the stages that follow one another.
sys.path.insert(0, str(Path(__file__).parents[1] / "feedback"))

from planted_world import settings_in
from trained_home import Trained, published_once, trained_once

from revealed.settings import Settings


@pytest.fixture
def trained(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Trained:
    """A private copy of a home with an undecided challenger."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    original = trained_once(tmp_path_factory.getbasetemp())
    return Trained(settings_in(shutil.copytree(original.settings.home, tmp_path / "home")), original.result)


@pytest.fixture
def published(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """A private copy of a home in which the challenger was approved and published."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    original = published_once(tmp_path_factory.getbasetemp())
    return settings_in(shutil.copytree(original, tmp_path / "home"))
