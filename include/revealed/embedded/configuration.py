"""What the embedded Airflow is told: all through the environment, so that no edited `airflow.cfg` decides.

Airflow's own defaults listen on every interface, load example DAGs and start 32 workers; each line below
that differs says why. The secrets are made once for each `REVEALED_HOME` and kept in files that only the
owner may read.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from revealed import durable
from revealed.settings import Settings

HOST = "127.0.0.1"
USERS = {"admin": "admin", "analyst": "viewer"}
PARALLELISM = 4
_DROPPED_PREFIXES = ("AIRFLOW_", "MLFLOW_", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH")


def passwords_file(settings: Settings) -> Path:
    """Return where the generated passwords of the two users stand, as JSON."""
    return settings.airflow_home / "secrets" / "passwords.json"


def read_passwords(settings: Settings) -> dict[str, str]:
    """Return the password of each user, generating what is missing."""
    path = passwords_file(settings)
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    missing = {user: secrets.token_urlsafe(15) for user in USERS if user not in known}
    if missing:
        known |= missing
        _write_private(path, json.dumps(known) + "\n")
    return known


def settings_environment(settings: Settings) -> dict[str, str]:
    """Return the `REVEALED_*` variables from which `Settings.from_env` builds these very settings."""
    return {
        "REVEALED_HOME": str(settings.home),
        "REVEALED_PROJECT": str(settings.project_root),
        "REVEALED_AUTO_APPROVE": str(int(settings.auto_approve)),
        "REVEALED_DEVICE": settings.device,
        "REVEALED_DUCKDB_MEMORY_LIMIT": settings.duckdb_memory_limit,
        "REVEALED_DUCKDB_THREADS": str(settings.duckdb_threads),
        "REVEALED_LANDING_GRACE_SECONDS": str(settings.landing_grace_seconds),
        "REVEALED_HOLDOUT_DAYS": str(settings.holdout_days),
        "REVEALED_RETRAIN_EVERY_DAYS": str(settings.retrain_every_days),
        "REVEALED_REFIT_EVERY_DAYS": str(settings.refit_every_days),
        "REVEALED_CONTENDERS": " ".join(settings.contenders),
        "REVEALED_TUNING_TRIALS": str(settings.tuning_trials),
        "REVEALED_TRAINING_QUEUE": settings.training_queue,
        "REVEALED_RECOMMENDATIONS_PER_USER": str(settings.recommendations_per_user),
        "REVEALED_KEEP_GENERATIONS": str(settings.keep_generations),
        "REVEALED_KEEP_DATASETS": str(settings.keep_datasets),
        "REVEALED_NEGATIVES_STRATEGY": settings.negatives_strategy,
        "REVEALED_NEGATIVES_PER_POSITIVE": str(settings.negatives_per_positive),
        "REVEALED_NEGATIVES_SEED": str(settings.negatives_seed),
        "REVEALED_AIRFLOW_PORT": str(settings.airflow_port),
        "REVEALED_MLFLOW_PORT": str(settings.mlflow_port),
        "REVEALED_GATEWAY_HOST": settings.gateway_host,
        "REVEALED_GATEWAY_PORT": str(settings.gateway_port),
        "REVEALED_GATEWAY_SEGMENT_MEGABYTES": str(settings.gateway_segment_megabytes),
        "REVEALED_GATEWAY_SEGMENT_SECONDS": str(settings.gateway_segment_seconds),
        "REVEALED_GATEWAY_FREE_MEGABYTES": str(settings.gateway_free_megabytes),
        "REVEALED_GATEWAY_LINES_PER_SECOND": str(settings.gateway_lines_per_second),
        "REVEALED_MLFLOW_URL": settings.mlflow_url,
    }


def process_environment(settings: Settings, inherited: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the whole environment of every embedded process.

    Args:
        settings: where things are; `airflow_port` is the port that this platform listens on.
        inherited: the environment to build on, by default this process's own. Variables for another
            Airflow or MLflow are left behind: they would change what the demo does.
    """
    base = os.environ if inherited is None else inherited
    kept = {name: text for name, text in base.items() if not name.startswith(_DROPPED_PREFIXES)}
    kept["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
    return (
        kept | settings_environment(settings) | airflow_environment(settings) | _mlflow_environment(settings)
    )


def airflow_environment(settings: Settings) -> dict[str, str]:
    """Return the variables that configure Airflow; the secret files are made on the first call."""
    options = {
        **_core(settings),
        **_services(settings),
        "dag_processor.refresh_interval": "10",  # default 300: a new DAG file would show after minutes
        "dag_processor.min_file_process_interval": "60",
        "scheduler.task_instance_heartbeat_timeout": "60",  # default 300: a killed task blocks its DAG
        "scheduler.orphaned_tasks_check_interval": "30",
        "scheduler.scheduler_idle_sleep_time": "0.5",
        "logging.base_log_folder": str(settings.airflow_home / "logs"),
        "logging.dag_processor_child_process_log_directory": str(
            settings.airflow_home / "logs" / "dag_processor"
        ),
        "logging.uvicorn_logging_level": "WARNING",
        "logging.colored_console_log": "False",
        "logging.namespace_levels": "great_expectations=ERROR",  # it tells of each missing default
        "cosmos.enable_telemetry": "False",
        "cosmos.cache_dir": str(settings.airflow_home / "cosmos"),  # not the temporary folder that all share
        "usage_data_collection.enabled": "False",
    }
    named = {"AIRFLOW__" + name.upper().replace(".", "__"): text for name, text in options.items()}
    return {"AIRFLOW_HOME": str(settings.airflow_home), "DO_NOT_TRACK": "1", **named}


def _core(settings: Settings) -> dict[str, str]:
    return {
        "core.dags_folder": str(settings.project_root / "dags"),
        "core.plugins_folder": str(settings.project_root / "plugins"),
        "core.load_examples": "False",
        "core.executor": "LocalExecutor",
        "core.parallelism": str(PARALLELISM),
        "core.max_active_runs_per_dag": "1",
        "core.max_active_tasks_per_dag": str(PARALLELISM),
        "core.fernet_key": _secret(settings, "fernet_key", fernet=True),
        "core.simple_auth_manager_users": ",".join(f"{user}:{role}" for user, role in USERS.items()),
        "core.simple_auth_manager_passwords_file": str(passwords_file(settings)),
        "core.execution_api_server_url": f"http://{HOST}:{settings.airflow_port}/execution/",
        "database.sql_alchemy_conn": f"sqlite:///{settings.airflow_home / 'airflow.db'}",
    }


def _services(settings: Settings) -> dict[str, str]:
    return {
        "api.host": HOST,  # the default is every interface, with a login that is meant for development
        "api.port": str(settings.airflow_port),
        "api.base_url": f"http://{HOST}:{settings.airflow_port}",
        "api.workers": "1",
        "api.secret_key": _secret(settings, "api_secret_key"),
        "api_auth.jwt_secret": _secret(settings, "jwt_secret"),
        "api_auth.jwt_expiration_time": "3600",
    }


def _mlflow_environment(settings: Settings) -> dict[str, str]:
    return {
        "MLFLOW_TRACKING_URI": settings.mlflow_tracking_uri,
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # default 7: a dead server blocks a task for four minutes
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # seven idle processes that we never use
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "OPENBLAS_NUM_THREADS": "1",  # implicit's own threads and OpenBLAS's would fight for the cores
    }


def _secret(settings: Settings, name: str, *, fernet: bool = False) -> str:
    path = settings.airflow_home / "secrets" / name
    if not path.exists():
        value = (
            base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
            if fernet
            else secrets.token_urlsafe(32)
        )
        _write_private(path, value)
    return path.read_text().strip()


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with durable.staged_file(path) as staged:
        staged.touch(mode=0o600)
        staged.write_text(text)
