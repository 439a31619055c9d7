"""The dbt models as Airflow tasks, through Cosmos.

WATCHER mode: one `dbt build` runs every model, and one light task for each model shows how it fared. A process for
each model would take ten times as long, and DuckDB lets only one process write. The data tests follow in one task:
within the build, each of them would report its progress to Airflow several times over HTTP, which tripled the time
of the build (67 s instead of 22 s for 21 models and 175 tests, on two cores).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from revealed.settings import Settings

PRODUCER_POOL = "default_pool"


def manifest_path(settings: Settings) -> Path:
    """Return where the compiled dbt manifest stands, from which the tasks are drawn."""
    return settings.home / "dbt" / "target" / "manifest.json"


def dbt_task_group(settings: Settings, *, folder: str) -> Any:
    """Return the task group that builds every model in `folder`'s candidate (a path, or a template of one).

    Cosmos raises CosmosValueError when the manifest has not been compiled:
    `revealed.warehouse.compile_manifest`.
    """
    from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
    from cosmos.constants import ExecutionMode, InvocationMode, LoadMode, TestBehavior

    return DbtTaskGroup(
        group_id="dbt_build",
        project_config=ProjectConfig(
            dbt_project_path=settings.dbt_project,
            manifest_path=manifest_path(settings),
            project_name="revealed",
            install_dbt_deps=False,
        ),
        profile_config=ProfileConfig(
            profile_name="revealed",
            target_name="candidate",
            profiles_yml_filepath=settings.dbt_project / "profiles.yml",
        ),
        execution_config=ExecutionConfig(
            execution_mode=ExecutionMode.WATCHER,
            invocation_mode=InvocationMode.DBT_RUNNER,
            setup_operator_args={"pool": PRODUCER_POOL, "dbt_cmd_flags": []},
        ),
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST, test_behavior=TestBehavior.AFTER_ALL, emit_datasets=False
        ),
        operator_args={
            "env": {
                "REVEALED_CANDIDATE": f"{folder}/warehouse.duckdb",
                "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            },
            "append_env": True,
            "dbt_cmd_flags": ["--exclude-resource-type", "unit_test"],  # they prove the SQL, not the data
            "deferrable": False,
            "poke_interval": 1,
            "retries": 0,  # a second attempt would build one model alone, in a candidate that is given up
        },
    )
