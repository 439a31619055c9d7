from __future__ import annotations

import sys
from pathlib import Path

import pytest
from small_snapshots import publish

from revealed.settings import Settings

# The chi-square test of propensities is shared with exploration's own tests.
sys.path.insert(0, str(Path(__file__).parents[2] / "exploration"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home in which one small snapshot is in service."""
    found = Settings(home=tmp_path / "home", project_root=tmp_path)
    publish(found, generation=1)
    return found
