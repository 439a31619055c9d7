"""Worlds that are written once for many tests: a tiny one, and one large enough for statistics."""

from __future__ import annotations

from pathlib import Path

import pytest

from revealed.simulation import SimulationReport, WorldConfig, simulate

MEDIUM = WorldConfig(users=400, items=200, days=12, mean_activity=0.35)


@pytest.fixture(scope="session")
def tiny_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("tiny")
    simulate(home / "landing", WorldConfig.tiny())
    return home


@pytest.fixture(scope="session")
def medium_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("medium")
    simulate(home / "landing", MEDIUM)
    return home


@pytest.fixture(scope="session")
def medium_report(medium_home: Path) -> SimulationReport:
    return simulate(medium_home / "landing", MEDIUM)
