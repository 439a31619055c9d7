from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from revealed.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", project_root=tmp_path, keep_generations=2)


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Audit one table alone, where the others would only cost time."""

    def restrict(table: str) -> None:
        from revealed.quality import suites

        every = suites.warehouse_suites
        monkeypatch.setattr(
            suites, "warehouse_suites", lambda as_of: [s for s in every(as_of) if s.table == table]
        )

    return restrict
