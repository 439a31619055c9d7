"""Addresses of MLflow's pages. Without the workflow type in them, MLflow 3 opens its page for language models."""

from __future__ import annotations

from urllib.parse import quote

from revealed.registry.client import MODEL_NAME
from revealed.settings import Settings

_WORKFLOW = "?workflowType=machine_learning"


def run_url(settings: Settings, experiment: str, run_id: str) -> str:
    """Return the address of a run's page."""
    return f"{_base(settings)}/experiments/{experiment}/runs/{run_id}{_WORKFLOW}"


def version_url(settings: Settings, version: str) -> str:
    """Return the address of a model version's page."""
    return f"{_base(settings)}/models/{quote(MODEL_NAME)}/versions/{version}{_WORKFLOW}"


def artifact_image(run_id: str, path: str, caption: str) -> str:
    """Return Markdown that shows an image of a run's artifacts on MLflow's pages."""
    return f"![{caption}](/get-artifact?run_uuid={run_id}&path={quote(path)})"


def artifact_link(run_id: str, path: str, caption: str) -> str:
    """Return Markdown that opens one of a run's artifacts from MLflow's pages."""
    return f"[{caption}](/get-artifact?run_uuid={run_id}&path={quote(path)})"


def _base(settings: Settings) -> str:
    return f"{settings.mlflow_url.rstrip('/') or f'http://127.0.0.1:{settings.mlflow_port}'}/#"
