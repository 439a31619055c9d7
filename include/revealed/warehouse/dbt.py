"""dbt as a child process: its own interpreter, its own memory, nothing left behind in ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from revealed.disk_full import says_disk_full
from revealed.errors import BuildFailedError, DiskFullError
from revealed.progress import Progress, quiet
from revealed.settings import Settings
from revealed.warehouse.plan import BuildPlan

# Models and tests that took less are not worth a line of their own.
_WORTH_TELLING_S = 2.0


def target_folder(settings: Settings) -> Path:
    """Return the folder for dbt's manifest, compiled SQL and run results."""
    return settings.home / "dbt" / "target"


def dbt_environment(settings: Settings, candidate: Path | None = None) -> dict[str, str]:
    """Return the variables that dbt's profile reads, for a build of `candidate`.

    Without one it is the file `warehouse.duckdb` of the working directory. dbt parses the whole project again whenever
    a variable of the profile has another value; a path that changes with every build would cost seconds each time.
    """
    return {
        **({"REVEALED_CANDIDATE": str(candidate)} if candidate else {}),
        "REVEALED_DUCKDB_MEMORY_LIMIT": settings.duckdb_memory_limit,
        "REVEALED_DUCKDB_THREADS": str(settings.duckdb_threads),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }


def run_dbt(
    settings: Settings, plan: BuildPlan, *, data_tests: bool = True, progress: Progress = quiet
) -> None:
    """Build the candidate: seeds, models and their data tests, in order.

    Raises:
        BuildFailedError: a model or test failed; the message names it and says why.
        DiskFullError: there was no room for the candidate.
    """
    progress(f"dbt build, as of {plan.as_of:%Y-%m-%d %H:%M} UTC, from {plan.window_start or 'scratch'}")
    arguments = ["build", "--exclude-resource-type", "unit_test", *([] if data_tests else ["test"])]
    done = _dbt(settings, arguments, plan.folder, progress)
    if done.returncode:
        told = _failures(settings) or done.last_words
        if says_disk_full(told):
            raise DiskFullError(
                f"dbt could not write the candidate: {told.splitlines()[0]}",
                where=str(plan.database),
                remedy="make room, then run this again; the warehouse in service is unchanged",
            )
        remedy = "mend the model or the data it names"
        if "Out of Memory Error" in told:
            remedy = f"allow more than REVEALED_DUCKDB_MEMORY_LIMIT={settings.duckdb_memory_limit}"
        raise BuildFailedError(
            told,
            where=str(target_folder(settings) / "run_results.json"),
            remedy=f"{remedy}; the warehouse in service is unchanged",
        )


def rerun_models(settings: Settings, folder: Path, models: list[str], variables: dict[str, Any]) -> None:
    """Write some models of the `warehouse.duckdb` in `folder` again under other dbt variables: for comparisons.

    Raises:
        BuildFailedError: a model failed.
    """
    done = _dbt(settings, ["run", "--select", *models, "--vars", json.dumps(variables)], folder)
    if done.returncode:
        raise BuildFailedError(_failures(settings) or done.last_words, where=str(folder))


def compile_manifest(settings: Settings) -> Path:
    """Write dbt's manifest, from which Airflow draws the models as tasks, and return its path.

    Raises:
        BuildFailedError: the project does not parse.
    """
    done = _dbt(settings, ["parse"], target_folder(settings).parent)
    if done.returncode:
        raise BuildFailedError("the dbt project does not parse", where=done.last_words)
    return target_folder(settings) / "manifest.json"


@dataclass(frozen=True)
class _Done:
    returncode: int
    last_words: str


def _dbt(settings: Settings, arguments: list[str], folder: Path, progress: Progress = quiet) -> _Done:
    target = target_folder(settings)
    target.mkdir(parents=True, exist_ok=True)
    command = [
        str(Path(sys.executable).with_name("dbt")),
        "--log-format",
        "json",
        "--log-path",
        str(target.parent / "logs"),
        *arguments,
        "--project-dir",
        str(settings.dbt_project),
        "--profiles-dir",
        str(settings.dbt_project),
        "--target-path",
        str(target),
    ]
    env = {name: value for name, value in os.environ.items() if name != "REVEALED_CANDIDATE"}
    env |= dbt_environment(settings)
    with start_dbt(command, folder, env) as child:
        said = [_heard(line, progress) for line in child.stdout or ()]
    return _Done(child.returncode, _tail("\n".join(said)))


def start_dbt(command: list[str], folder: Path, env: dict[str, str]) -> subprocess.Popen[str]:
    """Return dbt as a started child whose words, errors among them, come on its `stdout`."""
    return subprocess.Popen(
        command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def _heard(line: str, progress: Progress) -> str:
    """Return what a line of dbt's log says, and tell of models and tests that took their time."""
    try:
        event: dict[str, Any] = json.loads(line)
    except ValueError:
        return line.rstrip()
    data = event["data"]
    if data.get("execution_time", 0.0) >= _WORTH_TELLING_S and "node_info" in data:
        name = data["node_info"]["node_name"]
        # Models say how many there are as `total`, tests as `num_models`.
        total = data.get("total", data.get("num_models", 0))
        progress(f"dbt: {name}, {data['execution_time']:.0f} s,", data.get("index", 0), total)
    return str(event["info"]["msg"])


def _failures(settings: Settings) -> str:
    path = target_folder(settings) / "run_results.json"
    if not path.exists():
        return ""
    results: list[dict[str, Any]] = json.loads(path.read_bytes())["results"]
    bad = [result for result in results if result["status"] in {"error", "fail"}]
    return "\n".join(f"{result['unique_id']}: {result['message']}" for result in bad)


def _tail(text: str, lines: int = 12) -> str:
    return "\n".join(text.strip().splitlines()[-lines:])
