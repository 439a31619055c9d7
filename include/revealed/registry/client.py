"""The one way to reach MLflow: imported late (it takes seconds), bounded in time, and with errors that can be read."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from revealed.errors import RegistryError
from revealed.settings import Settings

MODEL_NAME = "revealed-recommender"
EXPERIMENT = "revealed"

# With its defaults the client blocks for four minutes when MLflow is down (reliability.md, fact 9); this is
# 15 seconds.
_CLIENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


@contextmanager
def registry(settings: Settings) -> Iterator[Any]:
    """Yield an `MlflowClient`; whatever MLflow or its store raises inside becomes a `RegistryError`.

    Raises:
        RegistryError: MLflow is out of reach, or does not hold what was asked for.
    """
    for name, value in _CLIENT.items():
        os.environ.setdefault(name, value)
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    # Its notes on creating tables are no news to whoever waits for a recommendation.
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    uri = settings.mlflow_tracking_uri
    try:
        if is_local(settings):
            settings.mlflow.mkdir(parents=True, exist_ok=True)
        yield _client(uri)
    except (MlflowException, RequestException, SQLAlchemyError) as error:
        raise RegistryError(
            f"MLflow did not do what was asked: {str(error).splitlines()[0][:300]}",
            where=uri,
            remedy="see that MLflow can be reached (`make up`), then run this again; nothing was published",
        ) from error


def is_local(settings: Settings) -> bool:
    """Return whether MLflow's store is a file of ours rather than a server."""
    return settings.mlflow_tracking_uri.startswith("sqlite:")


def is_empty(settings: Settings) -> bool:
    """Return whether MLflow's own file does not exist yet, so that asking would only create it, slowly."""
    uri = settings.mlflow_tracking_uri
    return (
        uri == f"sqlite:///{settings.mlflow / 'mlflow.db'}" and not (settings.mlflow / "mlflow.db").exists()
    )


def experiment_id(settings: Settings, client: Any) -> str:
    """Return the experiment's id, creating it (and the registered model) the first time."""
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is not None:
        return str(found.experiment_id)
    artifacts = (settings.mlflow / "artifacts").absolute().as_uri() if is_local(settings) else None
    return str(client.create_experiment(EXPERIMENT, artifact_location=artifacts))


def _client(uri: str) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri, registry_uri=uri)
