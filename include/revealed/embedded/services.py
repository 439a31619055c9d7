"""What the platform runs: Airflow's processes, and the servers beside them."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from revealed.embedded import gateway
from revealed.embedded.configuration import HOST
from revealed.settings import Settings


@dataclass(frozen=True)
class Service:
    """A server beside Airflow: the port that it listens on, what sets it, and its command."""

    program: str
    port: int
    setting: str
    command: list[str]


def extra_services(settings: Settings, *, with_mlflow: bool, with_gateway: bool) -> dict[str, Service]:
    """Return the servers wanted beside Airflow, by name."""
    wanted: dict[str, Service] = {}
    if with_mlflow:
        artifacts = (settings.mlflow / "artifacts").as_uri()
        options = ["--host", HOST, "--port", str(settings.mlflow_port), "--workers", "1"]
        stores = ["--backend-store-uri", settings.mlflow_tracking_uri, "--default-artifact-root", artifacts]
        command = [sys.executable, "-m", "mlflow", "server", *options, *stores]
        wanted["mlflow"] = Service("MLflow", settings.mlflow_port, "REVEALED_MLFLOW_PORT", command)
    if with_gateway:
        wanted["gateway"] = Service(
            "the gateway", settings.gateway_port, "REVEALED_GATEWAY_PORT", gateway.command()
        )
    return wanted


def airflow_commands() -> dict[str, list[str]]:
    """Return the command of each of Airflow's processes, by name."""
    airflow = [sys.executable, "-m", "airflow"]
    return {
        "api-server": [*airflow, "api-server"],
        "scheduler": [*airflow, "scheduler", "--skip-serve-logs"],  # the API server reads the files itself
        "dag-processor": [*airflow, "dag-processor"],
    }
