"""Load the DAG files as Airflow's DAG processor does, in this fresh process, and print what came of it as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HEAVY = (
    "pandas",
    "duckdb",
    "mlflow",
    "great_expectations",
    "implicit",
    "sklearn",
    "matplotlib",
    "scipy",
    "dbt",
)


def describe_task(task: Any) -> dict[str, Any]:
    return {
        "owner": task.owner,
        "retries": task.retries,
        "fails_at_once_on_ours": task.retry_policy is not None,
        "operator": type(task).__name__,
        "trigger_rule": str(getattr(task.trigger_rule, "value", task.trigger_rule)),
        "downstream": sorted(task.downstream_task_ids),
        "outlets": sorted(asset.name for asset in task.outlets),
        "pool": task.pool,
    }


def describe_dag(dag: Any) -> dict[str, Any]:
    from airflow.sdk import Asset, AssetAll

    timetable = dag.timetable
    condition = getattr(timetable, "asset_condition", None)
    named = [condition] if isinstance(condition, Asset) else getattr(condition, "objects", [])
    return {
        "file": Path(dag.fileloc).name,
        "doc_md": dag.doc_md,
        "tags": sorted(dag.tags),
        "max_active_runs": dag.max_active_runs,
        "catchup": dag.catchup,
        "schedule": type(timetable).__name__,
        "assets": sorted(asset.name for asset in named),
        "needs_all": isinstance(condition, AssetAll),
        "params": sorted(dag.params),
        "tasks": {task.task_id: describe_task(task) for task in dag.tasks},
    }


def main(folder: Path) -> None:
    from airflow.dag_processing.dagbag import BundleDagBag

    before = set(sys.modules)
    bag = BundleDagBag(dag_folder=folder, bundle_path=folder, bundle_name="dags-folder")
    loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
    result = {
        "import_errors": bag.import_errors,
        "heavy_modules": sorted(loaded & set(HEAVY)),
        "dags": {dag_id: describe_dag(dag) for dag_id, dag in bag.dags.items()},
    }
    sys.stdout.write("\n" + json.dumps(result) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
