"""Airflow, MLflow and the gateway as one thing: start all, wait until they answer, stop all.

Three Airflow processes instead of `airflow standalone`: half the time and memory, no orphans (see
docs/decisions/airflow-own-processes.md). No triggerer: nothing here defers.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from revealed import durable
from revealed.embedded import gateway, ports
from revealed.embedded.configuration import HOST, passwords_file, process_environment, read_passwords
from revealed.embedded.processes import Process, is_process, start_process, start_time, stop_processes
from revealed.embedded.rest import AirflowClient
from revealed.embedded.services import Service, airflow_commands, extra_services
from revealed.errors import LockedError, PlatformError
from revealed.progress import Progress, quiet, to_stderr
from revealed.settings import Settings

_HEALTHY_WITHIN_SECONDS = 180.0
_DBT_SOURCES = {".sql", ".yml", ".csv"}
_COMPONENTS = ("metadatabase", "scheduler", "dag_processor")


@dataclass(frozen=True)
class Platform:
    """What runs: the addresses, the processes, and a client."""

    settings: Settings
    processes: tuple[Process, ...]
    client: AirflowClient

    @property
    def airflow_url(self) -> str:
        """Return the address of Airflow's UI."""
        return f"http://{HOST}:{self.settings.airflow_port}"

    @property
    def mlflow_url(self) -> str:
        """Return the address of MLflow's UI (its plain start page is for another purpose)."""
        return f"http://{HOST}:{self.settings.mlflow_port}/#/experiments?workflowType=machine_learning"

    def require_running(self) -> None:
        """Make sure that no process has died.

        Raises:
            PlatformError: one has; the message holds the end of its log.
        """
        for process in self.processes:
            if not process.is_alive():
                raise PlatformError(
                    f"{process.name} ended by itself; its last words:\n{process.log_tail()}",
                    where=str(process.log),
                )


@contextmanager
def running_platform(
    settings: Settings,
    *,
    with_mlflow: bool = False,
    with_gateway: bool = False,
    progress: Progress = quiet,
) -> Iterator[Platform]:
    """Start the platform, yield it when it is healthy, and stop it whatever happens.

    Args:
        settings: whose home, and on which ports.
        with_mlflow: start MLflow's server, too.
        with_gateway: start the gateway, too; on another port where its own is taken: only its clients depend on it.
        progress: told at each step.

    Raises:
        LockedError: a platform runs for this `REVEALED_HOME` already.
        PlatformError: a port is taken, or a process did not come up.
    """
    settings.airflow_home.mkdir(parents=True, exist_ok=True)
    with durable.exclusive_lock(settings.locks / "platform.lock", "run the embedded platform"):
        stop_leftovers(settings)
        settings = gateway.on_a_free_port(settings, progress) if with_gateway else settings
        extra = extra_services(settings, with_mlflow=with_mlflow, with_gateway=with_gateway)
        _require_ports(settings, extra)
        processes: list[Process] = []
        try:
            _start(settings, processes, extra, progress)
            platform = Platform(settings, tuple(processes), client_of(settings))
            _wait_until_healthy(platform, extra, progress)
            yield platform
        finally:
            progress("stopping the platform")
            stop_processes(processes)
            _state_file(settings).unlink(missing_ok=True)


def client_of(settings: Settings) -> AirflowClient:
    """Return a client of the embedded Airflow, as its administrator."""
    return AirflowClient(HOST, settings.airflow_port, "admin", read_passwords(settings)["admin"])


def read_state(settings: Settings) -> dict[str, Any] | None:
    """Return what the running platform wrote about itself, or None when none runs."""
    with suppress(OSError, ValueError):
        state: dict[str, Any] = json.loads(_state_file(settings).read_text())
        return state
    return None


def stop_leftovers(settings: Settings) -> None:
    """Stop what a platform that was killed has left behind."""
    state = read_state(settings)
    if state:
        stop_processes([Process.from_dict(entry) for entry in state["processes"]])
        _state_file(settings).unlink(missing_ok=True)


def up(settings: Settings, *, progress: Progress = to_stderr) -> None:
    """Run Airflow, MLflow and the gateway until Ctrl-C or SIGTERM, then stop them. Says so when they run already.

    Raises:
        PlatformError: a port is taken, or a process did not come up or died.
    """
    try:
        with (
            stop_on_signals(),
            running_platform(settings, with_mlflow=True, with_gateway=True, progress=progress) as platform,
        ):
            progress("\n".join(_welcome(platform)))
            while True:
                time.sleep(1.0)
                platform.require_running()
    except LockedError:
        state = read_state(settings) or {}
        progress(f"it runs already: http://{HOST}:{state.get('airflow_port', settings.airflow_port)}")
    except KeyboardInterrupt:
        progress("stopped")


def down(settings: Settings, *, progress: Progress = to_stderr) -> None:
    """Stop the platform of this `REVEALED_HOME`, whoever started it; fine when none runs."""
    state = read_state(settings)
    if state is None:
        progress("nothing runs")
        return
    if is_process(state["owner"], state["owner_started"]):
        os.kill(state["owner"], signal.SIGTERM)
        _wait_for_end(state)
    stop_leftovers(settings)
    progress("stopped")


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Turn SIGTERM into the KeyboardInterrupt that Ctrl-C raises, so that one path cleans up."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _wait_for_end(state: dict[str, Any]) -> None:
    deadline = time.monotonic() + 30.0
    while is_process(state["owner"], state["owner_started"]) and time.monotonic() < deadline:
        time.sleep(0.2)


def _state_file(settings: Settings) -> Path:
    return settings.airflow_home / "processes.json"


def _require_ports(settings: Settings, extra: dict[str, Service]) -> None:
    ports.require_free(settings.airflow_port, setting="REVEALED_AIRFLOW_PORT", program="Airflow")
    for service in extra.values():
        ports.require_free(service.port, setting=service.setting, program=service.program)


def _start(
    settings: Settings, processes: list[Process], extra: dict[str, Service], progress: Progress
) -> None:
    """Start every process; `processes` grows as they start, so that a failure half-way leaves none behind."""
    env = process_environment(settings)
    read_passwords(settings)
    _compile_manifest(settings, progress)
    _migrate(settings, env, progress)
    commands = airflow_commands() | {name: service.command for name, service in extra.items()}
    for name, command in commands.items():
        log = settings.airflow_home / "logs" / "processes" / f"{name}.log"
        processes.append(start_process(name, command, env=env, log=log))
        _write_state(settings, processes)


def _write_state(settings: Settings, processes: list[Process]) -> None:
    state = {
        "owner": os.getpid(),
        "owner_started": start_time(os.getpid()),
        "airflow_port": settings.airflow_port,
        "mlflow_port": settings.mlflow_port,
        "gateway_port": settings.gateway_port,
        "processes": [process.to_dict() for process in processes],
    }
    durable.write_json(_state_file(settings), state)


def _compile_manifest(settings: Settings, progress: Progress) -> None:
    """Compile the dbt project, from which build_feedback draws its tasks, unless the last result is newer than it."""
    from revealed.dbt_tasks import manifest_path

    compiled = manifest_path(settings)
    sources = [path for path in settings.dbt_project.rglob("*") if path.suffix in _DBT_SOURCES]
    newest = max((path.stat().st_mtime for path in sources), default=0.0)
    if not compiled.exists() or compiled.stat().st_mtime < newest:
        from revealed.warehouse import compile_manifest

        progress("compiling the dbt project")
        compile_manifest(settings)


def _migrate(settings: Settings, env: dict[str, str], progress: Progress) -> None:
    """Create or upgrade Airflow's database; once for each Airflow version, because it takes seconds."""
    from importlib.metadata import version

    marker = settings.airflow_home / "migrated"
    current = version("apache-airflow-core")
    if (settings.airflow_home / "airflow.db").exists() and marker.exists() and marker.read_text() == current:
        return
    progress("preparing Airflow's database")
    log = settings.airflow_home / "logs" / "processes" / "db-migrate.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        done = subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"],
            env=env, cwd=settings.home, stdout=output, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    if done.returncode:
        raise PlatformError("Airflow's database could not be prepared", where=str(log))
    durable.write_bytes(marker, current.encode())


def _wait_until_healthy(platform: Platform, extra: dict[str, Service], progress: Progress) -> None:
    began = time.monotonic()
    waiting = ""
    while time.monotonic() - began < _HEALTHY_WITHIN_SECONDS:
        platform.require_running()
        missing = _not_ready(platform, extra)
        if not missing:
            progress(f"the platform is healthy after {time.monotonic() - began:.0f} s")
            return
        if missing != waiting:
            progress(f"waiting for {missing} ({time.monotonic() - began:.0f} s)")
            waiting = missing
        time.sleep(0.5)
    raise PlatformError(
        f"not healthy after {_HEALTHY_WITHIN_SECONDS:.0f} s: {waiting}",
        where=str(platform.settings.airflow_home / "logs" / "processes"),
    )


def _not_ready(platform: Platform, extra: dict[str, Service]) -> str:
    try:
        health = platform.client.health()
    except PlatformError:
        return "the API server"
    missing = [name for name in _COMPONENTS if health.get(name) != "healthy"]
    missing += [name for name, service in extra.items() if ports.is_free(service.port)]
    return ", ".join(missing)


def _welcome(platform: Platform) -> list[str]:
    return [
        "the platform is up; Ctrl-C stops it",
        f"  Airflow    {platform.airflow_url}",
        f"             users admin and analyst; their passwords are in {passwords_file(platform.settings)}",
        f"  MLflow     {platform.mlflow_url}",
        f"  gateway    {gateway.address(platform.settings)}/docs",
        "             a token: revealed gateway token create --source ME --scope events:write"
        " --scope recommendations:read",
        f"  Data Docs  {(platform.settings.data_docs / 'index.html').as_uri()}",
        f"  warehouse  {platform.settings.published_warehouse}",
    ]
