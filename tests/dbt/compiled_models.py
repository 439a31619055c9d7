"""Models as the SQL that dbt makes of them, to be run on made-up tables: thousands of cases for the price of one start."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import duckdb

from revealed.settings import Settings
from revealed.warehouse import dbt, dbt_environment


def compile_models(settings: Settings, *names: str) -> dict[str, str]:
    """Return the SQL of each named model as a build from scratch runs it."""
    settings.home.mkdir(parents=True, exist_ok=True)
    run_dbt_command(settings, settings.home, "compile", "--select", *names)
    models = settings.home / "target" / "compiled" / "revealed" / "models"
    files = {path.stem: path for path in models.rglob("*.sql")}
    return {name: files[name].read_text() for name in names}


def run_dbt_command(settings: Settings, folder: Path, *arguments: str, may_fail: bool = False) -> str:
    """Run one dbt command on the `warehouse.duckdb` in `folder`, and return what it says.

    The file is not named in the environment: dbt would parse the project again for each name. With `may_fail` a test or
    model may fail, dbt itself not.
    """
    command: list[str | Path] = [
        Path(sys.executable).with_name("dbt"),
        "--quiet",
        "--no-use-colors",
        *arguments,
    ]
    command += ["--project-dir", settings.dbt_project, "--profiles-dir", settings.dbt_project]
    command += ["--target-path", settings.home / "target", "--log-path", settings.home / "logs"]
    env = {**os.environ, **dbt_environment(settings)}
    with dbt.start_dbt([str(word) for word in command], folder, env) as child:
        assert child.stdout is not None
        said = child.stdout.read()
    assert child.returncode in ((0, 1) if may_fail else (0,)), said
    return said


def create_table(con: duckdb.DuckDBPyConnection, name: str, columns: dict[str, str]) -> None:
    """Create an empty table `schema.name` of the given column types, schema included."""
    con.execute(f"create schema if not exists {name.split('.')[0]}")
    con.execute(f"create or replace table {name} ({', '.join(f'{k} {v}' for k, v in columns.items())})")
