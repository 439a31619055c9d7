"""A home in which the loop has run once, as a person would run it."""

from __future__ import annotations

from pathlib import Path

import pytest
from copied_homes import copy_home, made_once
from shell import result, revealed


@pytest.fixture(scope="module")
def once_around(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private copy of a home with a warehouse, a champion and a snapshot in service, twelve days of logs landed."""
    original = made_once(tmp_path_factory.getbasetemp(), "once-around", _run_once)
    return copy_home(original, tmp_path_factory.mktemp("around") / "home")


def _run_once(home: Path) -> None:
    result(revealed(home, "simulate", "--days", "12", "--users", "200", "--items", "100", "--json"))
    few = {"REVEALED_CONTENDERS": "als"}  # all of them compete in test_airflow
    done = result(revealed(home, "run", "--through", "2026-01-10", "--json", env=few))
    assert (done["warehouse_generation"], done["snapshot_generation"]) == (1, 1)
