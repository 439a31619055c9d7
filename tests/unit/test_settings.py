"""Settings say which variable is wrong, and the documentation lists every one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from revealed.errors import UsageError
from revealed.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REVEALED_AUTO_APPROVE", "perhaps"),
        ("REVEALED_DEVICE", "banana"),
        ("REVEALED_DUCKDB_THREADS", "0"),
        ("REVEALED_HOLDOUT_DAYS", "1.5"),
        ("REVEALED_LANDING_GRACE_SECONDS", "soon"),
        ("REVEALED_KEEP_GENERATIONS", "1"),
    ],
)
def test_a_bad_value_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=name):
        Settings.from_env({name: value})


def test_every_variable_is_documented() -> None:
    read = set(re.findall(r'"(REVEALED_[A-Z_]+)"', (ROOT / "include/revealed/settings.py").read_text()))
    documented = set(re.findall(r"`(REVEALED_[A-Z_]+)`", (ROOT / "docs/settings.md").read_text()))
    assert read == documented


def test_all_state_lies_under_home(tmp_path: Path) -> None:
    settings = Settings.from_env({"REVEALED_HOME": str(tmp_path)})
    folders = [
        value
        for name in dir(Settings)
        if isinstance(value := getattr(settings, name), Path) and name not in {"project_root", "dbt_project"}
    ]
    assert len(folders) > 10
    assert all(folder.is_relative_to(tmp_path.resolve()) for folder in folders)
