"""Make the shared steps importable by name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from compiled_attribution import MODELS, AttributionWarehouse
from compiled_models import compile_models
from loop_steps import settings_at


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """SQL of the engagement models, compiled once."""
    settings = settings_at(tmp_path_factory.mktemp("home"))
    return compile_models(settings, "int_item_visits", "int_actor_days", "int_bot_actors", "int_dwell_norms")


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> AttributionWarehouse:
    """The attribution ledger's models, compiled once, over tables that each test fills anew."""
    settings = settings_at(tmp_path_factory.mktemp("attribution"))
    return AttributionWarehouse(compile_models(settings, *MODELS), settings)
