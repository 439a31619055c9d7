"""What all tests share: dbt's parse of the project, made once a worker, and which files start first."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial

import pytest
from warm_dbt import ForkedDbt, warm_dbt

from revealed.settings import Settings
from revealed.warehouse import dbt

STARTS_DBT = ("dbt", "integration", "dags")
FIRST = (
    "tests/integration/test_airflow",
    "tests/integration/test_loop",
    "tests/integration/",
    "tests/dbt/test_late_lines",
    "tests/dbt/test_models",
    "tests/dbt/",
    "tests/chaos/",
    "tests/unit/publishing/",
    "tests/unit/quality/",
    "tests/unit/registry/",
    "tests/unit/training/",
    "tests/dags/",
)


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name a case of bytes by their length: two workers must name it alike, and compressed bytes may hold the hour."""
    return f"{len(val)}-bytes" if isinstance(val, bytes) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the long files first, so that two workers end together."""
    items.sort(key=lambda item: next((n for n, path in enumerate(FIRST) if path in item.nodeid), len(FIRST)))


@pytest.fixture(scope="session", autouse=True)
def started_dbt(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let every dbt that a test starts read one parse of the project, and those that we start have their imports done.

    Each test has a home of its own, in which dbt would parse all models again; that costs more than building them. dbt
    itself compares the files, and parses what differs. Nobody reads here what it logs to a file line by line.
    """
    if not any(item.get_closest_marker(name) for item in request.session.items for name in STARTS_DBT):
        yield
        return
    settings = Settings.from_env({"REVEALED_HOME": str(tmp_path_factory.mktemp("parsed"))})
    env = {**os.environ, **dbt.dbt_environment(settings)}
    with (
        warm_dbt(tmp_path_factory.mktemp("warm"), settings.dbt_project, env) as (server, parsed),
        pytest.MonkeyPatch.context() as patched,
    ):
        patched.setattr(dbt, "start_dbt", partial(ForkedDbt, server))
        patched.setenv("DBT_PARTIAL_PARSE_FILE_PATH", str(parsed))
        patched.setenv("DBT_LOG_LEVEL_FILE", "none")
        yield
