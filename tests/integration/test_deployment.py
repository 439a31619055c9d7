"""The installation of docker-compose.yml at work, without Docker: real PostgreSQL, Redis, Airflow, MLflow, gateway.

One deployment for the file; the tests are the steps of one story, in this order. A step whose forerunner failed is skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]  # ships no types
import pytest
from compose_file import ROOT
from compose_processes import Deployment, missing_part, read_variables

from revealed.clock import utc_now
from revealed.deployment.accounts import set_pipeline_account
from revealed.deployment.env_file import write_env_file
from revealed.embedded.demo import LOOP
from revealed.embedded.processes import Process
from revealed.embedded.rest import AirflowClient
from revealed.embedded.watching import Watcher
from revealed.errors import PlatformError
from revealed.landing import read_ledger
from revealed.progress import to_stderr
from revealed.publishing import current_snapshot
from revealed.settings import Settings
from revealed.simulation import WorldConfig, simulate
from revealed.warehouse import read_manifest

pytestmark = [pytest.mark.integration, pytest.mark.slow]

PROGRAMS = Path(os.environ.get("DEPLOY_VENV") or ROOT / ".venv-deploy") / "bin"
WORLD = WorldConfig(users=200, items=100, days=12)
LAST_DAY = WORLD.day(WORLD.days - 1)
SERVICES = [
    "postgres", "redis", "init", "mlflow", "accounts", "gateway", "airflow-api-server", "airflow-scheduler",
    "airflow-dag-processor", "airflow-triggerer", "airflow-worker",
]  # fmt: skip


@pytest.fixture(scope="module")
def running() -> Iterator[Deployment]:
    missing = missing_part(PROGRAMS)
    if missing:
        pytest.skip(f"this machine lacks {missing}")
    with tempfile.TemporaryDirectory(prefix="deployment-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as another user
        write_env_file(ROOT / ".env.example", Path(folder, ".env"))
        chosen = {
            "REVEALED_LANDING_GRACE_SECONDS": "0",
            "REVEALED_HOLDOUT_DAYS": "3",
            "REVEALED_AUTO_APPROVE": "1",
        }
        deployment = Deployment(Path(folder), PROGRAMS, read_variables(Path(folder, ".env")) | chosen)
        processes: list[Process] = []
        try:
            deployment.up(SERVICES)
            yield deployment
        finally:
            processes += deployment.running.values()
            deployment.down()
        assert survivors(processes) == []


@pytest.fixture
def deployment(running: Deployment, request: pytest.FixtureRequest) -> Deployment:
    if request.session.testsfailed:
        pytest.skip("an earlier step of the story failed")
    return running


@pytest.fixture(scope="module")
def airflow(running: Deployment) -> AirflowClient:
    """A client with the administrator's account, which `init` made from `.env`."""
    password = running.variables["AIRFLOW_ADMIN_PASSWORD"]
    return AirflowClient("127.0.0.1", running.ports["airflow-api-server"], "admin", password)


@pytest.fixture(scope="module")
def settings(running: Deployment) -> Settings:
    return Settings.from_env({"REVEALED_HOME": str(running.home)})


def survivors(processes: list[Process]) -> list[str]:
    """What still runs in the services' sessions, tasks included."""
    sessions, names = {process.pid for process in processes}, []
    for process in psutil.process_iter():
        with suppress(OSError, psutil.NoSuchProcess):
            if os.getsid(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE:
                names.append(process.name())
    return names


def address(deployment: Deployment, name: str, path: str = "") -> str:
    return f"http://127.0.0.1:{deployment.ports[name]}{path}"


def mlflow_account(deployment: Deployment, name: str) -> tuple[str, str]:
    secret = {"admin": "MLFLOW_ADMIN_PASSWORD", "pipeline": "MLFLOW_PIPELINE_PASSWORD"}
    return name, deployment.variables[secret[name]]


def wait_until(holds: Callable[[], bool], what: str, seconds: float = 180.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"after {seconds:.0f} s still not: {what}"
        time.sleep(0.5)


def newest(airflow: AirflowClient, dag_id: str) -> dict[str, Any]:
    return [run for run in airflow.runs() if run["dag_id"] == dag_id][-1]


def task(airflow: AirflowClient, run: dict[str, Any], task_id: str) -> dict[str, Any]:
    tasks = airflow.tasks(run["dag_id"], run["dag_run_id"])
    return next(found for found in tasks if found["task_id"] == task_id)


def test_every_health_check_of_the_file_passes(deployment: Deployment, airflow: AirflowClient) -> None:
    to_stderr(json.dumps({name: round(taken) for name, taken in deployment.seconds.items()}))
    health = airflow.health()
    assert {health[name] for name in ("metadatabase", "scheduler", "dag_processor", "triggerer")} == {
        "healthy"
    }


def test_a_health_check_can_fail(deployment: Deployment) -> None:
    absent = Deployment(
        deployment.folder, PROGRAMS, deployment.variables
    )  # the same checks, where nobody listens
    for name in ("postgres", "redis", "airflow-api-server", "airflow-scheduler", "mlflow", "gateway"):
        assert not absent.is_healthy(name), name


def test_nobody_gets_in_without_an_account(deployment: Deployment) -> None:
    refused = {
        "Airflow": httpx.get(address(deployment, "airflow-api-server", "/api/v2/dags")),
        "MLflow": httpx.get(address(deployment, "mlflow", "/api/2.0/mlflow/experiments/get?experiment_id=0")),
        "MLflow's pages": httpx.get(
            address(deployment, "mlflow", "/ajax-api/2.0/mlflow/experiments/get?experiment_id=0")
        ),
        "MLflow, a wrong password": httpx.get(
            address(deployment, "mlflow", "/api/2.0/mlflow/experiments/get?experiment_id=0"),
            auth=("admin", "admin"),
        ),
        "events": httpx.post(address(deployment, "gateway", "/v1/events"), json={}),
        "inferences": httpx.post(address(deployment, "gateway", "/v1/inferences"), json={}),
        "recommendations": httpx.get(address(deployment, "gateway", "/v1/recommendations/u-1")),
        "similar items": httpx.get(address(deployment, "gateway", "/v1/items/i-1/similar")),
        "queries": httpx.get(address(deployment, "gateway", "/v1/queries/u-1")),
    }
    assert {name: answer.status_code for name, answer in refused.items()} == dict.fromkeys(refused, 401)
    wrong = AirflowClient("127.0.0.1", deployment.ports["airflow-api-server"], "admin", "admin")
    with pytest.raises(PlatformError, match="Airflow answered 401"):
        wrong.dags()


def test_nobody_gets_at_the_databases_without_a_password(deployment: Deployment) -> None:
    services = deployment.services()
    anonymous = replace(services["redis"], environment={})
    done = deployment.execute(
        anonymous, ["redis-cli", "-p", str(deployment.ports["redis"]), "keys", "*"], 10.0
    )
    assert "NOAUTH" in done.stdout
    port = str(deployment.ports["postgres"])
    for password in ("", "airflow", deployment.variables["MLFLOW_DB_PASSWORD"]):
        known = replace(services["postgres"], environment={"PGPASSWORD": password, "PGCONNECT_TIMEOUT": "5"})
        query = ["psql", "-w", "-h", "127.0.0.1", "-p", port, "-U", "airflow", "-c", "select 1", "airflow"]
        assert deployment.execute(known, query, 10.0).returncode == 2
    mlflow = replace(
        services["postgres"], environment={"PGPASSWORD": deployment.variables["MLFLOW_DB_PASSWORD"]}
    )
    query = ["psql", "-w", "-h", "127.0.0.1", "-p", port, "-U", "mlflow", "-c", "select 1"]
    assert deployment.execute(mlflow, [*query, "mlflow"], 10.0).returncode == 0
    assert deployment.execute(mlflow, [*query, "airflow"], 10.0).returncode == 2, (
        "MLflow has no business there"
    )


def test_mlflow_answers_only_to_its_names_and_does_not_run_jobs(deployment: Deployment) -> None:
    url = address(deployment, "mlflow", "/api/2.0/mlflow/experiments/get?experiment_id=0")
    who = mlflow_account(deployment, "admin")
    assert httpx.get(url, auth=who).status_code == 200
    assert httpx.get(url, auth=who, headers={"Host": "evil.example"}).status_code == 403
    assert httpx.get(url, auth=mlflow_account(deployment, "pipeline")).status_code == 403, (
        "it owns nothing yet"
    )


def test_one_worker_knows_neither_the_database_nor_the_keys(deployment: Deployment) -> None:
    """What the running processes hold, not only what the file says: tasks read their environment."""
    leader = deployment.running["airflow-worker"].pid
    held = b"".join(
        Path(f"/proc/{process.pid}/environ").read_bytes()
        for process in [psutil.Process(leader), *psutil.Process(leader).children(recursive=True)]
    )
    for name, secret in deployment.variables.items():
        may = name in ("REDIS_PASSWORD", "MLFLOW_PIPELINE_PASSWORD") or name.startswith("REVEALED_")
        assert may or secret.encode() not in held, name
    assert deployment.variables["REDIS_PASSWORD"].encode() in held, "the look into /proc sees nothing"


def test_the_loop_runs_through_workers_one_of_which_is_killed(
    deployment: Deployment, airflow: AirflowClient, settings: Settings
) -> None:
    """SIGKILL in the middle of a task; the container starts again as `restart` says, and the task is tried again."""
    simulate(settings, WORLD)
    files = sum(path.is_file() for path in settings.landing.rglob("*"))
    wait_until(lambda: {dag["dag_id"] for dag in airflow.dags()} >= set(LOOP), "the DAGs are known")
    assert airflow.import_errors() == []
    for dag_id in LOOP:
        airflow.pause(dag_id, paused=False)
    after, began = utc_now().isoformat(), time.monotonic()
    airflow.trigger("ingest_logs", {"through": LAST_DAY.isoformat()})
    wait_until(lambda: state_of(airflow, "land_files") == "running", "land_files runs")
    deployment.kill("airflow-worker")
    to_stderr(f"the worker was killed {time.monotonic() - began:.0f} s after the trigger")
    deployment.start("airflow-worker")
    wait_until(lambda: state_of(airflow, "land_files") != "running", "the scheduler has noticed", 300.0)
    to_stderr(f"the scheduler has noticed {time.monotonic() - began:.0f} s after the trigger")
    runs = {run["dag_id"]: run for run in Watcher(airflow, to_stderr).wait_until_settled(after)}
    to_stderr(f"the loop has come to rest {time.monotonic() - began:.0f} s after the trigger")
    assert {name: run["state"] for name, run in runs.items()} == dict.fromkeys(LOOP, "success")
    landed = task(airflow, runs["ingest_logs"], "land_files")
    assert landed["try_number"] == 2, "the worker was killed too late: this proves nothing"
    entries = read_ledger(settings)
    assert len({entry.sha256 for entry in entries}) == len(entries) == files
    assert read_manifest(settings)["generation"] == 1
    assert current_snapshot(settings).snapshot_id
    log = airflow.log("ingest_logs", runs["ingest_logs"]["dag_run_id"], "land_files", 2)
    assert "Done" in log or "land" in log, f"the API server does not see what the worker wrote:\n{log[:2000]}"


def state_of(airflow: AirflowClient, task_id: str) -> str:
    with suppress(StopIteration, IndexError):
        return str(task(airflow, newest(airflow, "ingest_logs"), task_id)["state"])
    return ""


def test_the_model_is_in_mlflow_and_belongs_to_the_pipeline(deployment: Deployment) -> None:
    url = address(
        deployment,
        "mlflow",
        "/api/2.0/mlflow/registered-models/alias?name=revealed-recommender&alias=champion",
    )
    found = httpx.get(url, auth=mlflow_account(deployment, "pipeline"))
    assert found.status_code == 200, found.text
    run_id = found.json()["model_version"]["run_id"]
    listed = address(deployment, "mlflow", f"/api/2.0/mlflow/artifacts/list?run_id={run_id}&path=model")
    files = httpx.get(listed, auth=mlflow_account(deployment, "pipeline")).json()["files"]
    assert "model/model.npz" in {file["path"] for file in files}
    kept = list((deployment.home / "mlflow" / "artifacts").rglob("model.npz"))
    assert kept, "artifacts belong on the volume"


def test_an_administrators_password_is_what_the_env_file_says(
    deployment: Deployment, airflow: AirflowClient
) -> None:
    """Rotation: edit `.env`, run `init` and `accounts` again."""
    new = "0123456789abcdef" * 3
    changed = Deployment(deployment.folder, PROGRAMS, dict(deployment.variables), ports=deployment.ports)
    changed.variables |= {"AIRFLOW_ADMIN_PASSWORD": new, "MLFLOW_PIPELINE_PASSWORD": new}
    for name in ("init", "accounts"):
        changed.start(name)
    assert AirflowClient(airflow.host, airflow.port, "admin", new).dags()
    with pytest.raises(PlatformError, match="Airflow answered 401"):
        replace(airflow, _token="").dags()
    url = address(deployment, "mlflow", "/api/2.0/mlflow/registered-models/get?name=revealed-recommender")
    assert httpx.get(url, auth=("pipeline", new)).status_code == 200
    assert httpx.get(url, auth=mlflow_account(deployment, "pipeline")).status_code == 401
    wrong = changed.services()["accounts"].environment | {"MLFLOW_ADMIN_PASSWORD": "not it"}
    with pytest.raises(PlatformError, match=r"another password than \.env says"):
        set_pipeline_account(wrong)


def test_the_checkout_is_as_it_was(deployment: Deployment) -> None:
    """The image's files are read only: whatever a service writes must go to the volume or a folder of its own."""
    status = subprocess.run(
        ["git", "status", "--porcelain", "--ignored"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    written = [line[3:] for line in status.stdout.splitlines() if "__pycache__" not in line]
    assert [path for path in written if path.startswith(("dags/", "dbt_project/", "deploy/"))] == []
