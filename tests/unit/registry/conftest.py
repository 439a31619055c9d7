from __future__ import annotations

import sys
from pathlib import Path

import pytest

# The planted world and the homes made from it are shared by the stages that follow one another.
sys.path.insert(0, str(Path(__file__).parents[1] / "feedback"))

from trained_home import Trained, trained_once, two_weeks_once


@pytest.fixture
def trained(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Trained:
    """A private copy of a home with an undecided challenger."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return trained_once(tmp_path_factory.getbasetemp(), tmp_path / "home")


@pytest.fixture
def second_week(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Trained:
    """A private copy of a home whose champion, version 1, is published, with the next week's undecided challenger."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return two_weeks_once(tmp_path_factory.getbasetemp(), tmp_path / "home")
