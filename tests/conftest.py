"""What all tests share: dbt's parse of the project, made once for both workers, and which files start first."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial

import pytest
from warm_dbt import ForkedDbt, warm_dbt

from revealed.settings import Settings
from revealed.warehouse import compile_manifest, dbt

STARTS_DBT = ("dbt", "integration", "dags")
FIRST = (
    "tests/integration/test_airflow",
    "tests/integration/test_loop",
    "tests/integration/",
    "tests/dbt/test_incremental",
    "tests/dbt/test_touched_keys",
    "tests/chaos/",
    "tests/dbt/",
    "tests/unit/publishing/",
    "tests/unit/quality/",
    "tests/unit/registry/",
    "tests/dags/",
)
PARSED = "DBT_PARTIAL_PARSE_FILE_PATH"


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name a case of bytes by their length: two workers must name it alike, and compressed bytes may hold the hour."""
    return f"{len(val)}-bytes" if isinstance(val, bytes) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the long files first, so that two workers end together."""
    items.sort(key=lambda item: next((n for n, path in enumerate(FIRST) if path in item.nodeid), len(FIRST)))


@pytest.fixture(scope="session", autouse=True)
def imported_dbt(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let the dbt of every build that a test makes in its own process start with its imports done."""
    if not any(item.get_closest_marker(name) for item in request.session.items for name in STARTS_DBT):
        yield
        return
    with warm_dbt(tmp_path_factory.mktemp("warm")) as server, pytest.MonkeyPatch.context() as patched:
        patched.setattr(dbt, "start_dbt", partial(ForkedDbt, server))
        yield


@pytest.fixture(scope="session", autouse=True)
def parsed_project(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, imported_dbt: None
) -> None:
    """Let every dbt that a test starts read one parse of the project.

    Each test has a home of its own, in which dbt would parse all models again; that costs more than building them. dbt
    itself compares the files, and parses what differs. The second worker does not wait: an empty file makes dbt parse
    for itself.
    """
    if not any(item.get_closest_marker(name) for item in request.session.items for name in STARTS_DBT):
        return
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if worker else base) / "partial_parse.msgpack"
    shared.touch()
    os.environ[PARSED] = str(shared)
    if worker in (None, "gw0"):
        home = Settings.from_env({"REVEALED_HOME": str(tmp_path_factory.mktemp("parsed"))})
        compile_manifest(home).with_name(shared.name).replace(shared)
