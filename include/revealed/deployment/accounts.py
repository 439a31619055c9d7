"""MLflow's account for the pipeline, which is no administrator: it owns what it registers and reads nothing else.

`python -m revealed.deployment.accounts`, the service `accounts`. It may run at every start; the account's password is
set to the one in `.env`. The account also gets its experiment and its registered models: to somebody who may read
nothing, MLflow answers a question for a model that does not exist yet with "permission denied".
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from revealed.errors import PlatformError, RevealedError, UsageError
from revealed.progress import Progress, quiet, to_stderr

_ADMINISTRATOR = "admin"
_TIMEOUT_SECONDS = 10.0
_API = "/api/2.0/mlflow"
_NEEDED = (
    "MLFLOW_TRACKING_URI",
    "MLFLOW_TRACKING_USERNAME",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_ADMIN_PASSWORD",
)


@dataclass(frozen=True)
class _Mlflow:
    """MLflow's server, as one of its accounts sees it."""

    url: str
    who: tuple[str, str]

    def call(self, method: str, path: str, body: Mapping[str, str], *, ours: str) -> bool:
        """Send one request and return whether it made something new; `ours` says who is at fault for a 401."""
        import httpx

        try:
            answer = httpx.request(
                method, self.url + _API + path, json=dict(body), auth=self.who, timeout=_TIMEOUT_SECONDS
            )
        except httpx.HTTPError as error:
            raise PlatformError(f"MLflow does not answer: {error}", where=self.url) from error
        if answer.status_code == 400 and "RESOURCE_ALREADY_EXISTS" in answer.text:
            return False
        if answer.status_code == 401:
            raise PlatformError(
                f"MLflow's {ours} has another password than .env says",
                where=self.url,
                remedy="change it in MLflow (docs/deployment.md, Secrets), or put the old one back into .env",
            )
        if answer.status_code >= 400:
            raise PlatformError(
                f"MLflow answered {answer.status_code}: {answer.text[:500]}",
                where=f"{method} {self.url}{path}",
            )
        return True


def set_pipeline_account(env: Mapping[str, str], *, progress: Progress = quiet) -> None:
    """Create the account that `env` names with what it owns, or set its password where it exists.

    Args:
        env: MLFLOW_TRACKING_URI, MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD and MLFLOW_ADMIN_PASSWORD.
        progress: told what was done.

    Raises:
        UsageError: a variable is missing.
        PlatformError: MLflow is out of reach, or refuses.
    """
    missing = [name for name in _NEEDED if not env.get(name)]
    if missing:
        raise UsageError(f"not set: {', '.join(missing)}", where=".env", remedy="make env")
    url = env["MLFLOW_TRACKING_URI"].rstrip("/")
    name, password = env["MLFLOW_TRACKING_USERNAME"], env["MLFLOW_TRACKING_PASSWORD"]
    administrator = _Mlflow(url, (_ADMINISTRATOR, env["MLFLOW_ADMIN_PASSWORD"]))
    account = {"username": name, "password": password}
    if administrator.call("POST", "/users/create", account, ours="administrator"):
        progress(f"created MLflow's account {name}")
    else:
        administrator.call("PATCH", "/users/update-password", account, ours="administrator")
        progress(f"set the password of MLflow's account {name}")
    _create_what_it_owns(_Mlflow(url, (name, password)))


def _create_what_it_owns(pipeline: _Mlflow) -> None:
    """Create the experiment and the registered models, where they do not exist, as the one who will write them."""
    from revealed.registry.client import EXPERIMENT, MODEL_NAME
    from revealed.reward.registering import REWARD_MODEL_NAME

    pipeline.call("POST", "/experiments/create", {"name": EXPERIMENT}, ours="account")
    for model in (MODEL_NAME, REWARD_MODEL_NAME):
        pipeline.call("POST", "/registered-models/create", {"name": model}, ours="account")


def main() -> int:
    """Set the account that the environment names and return the exit code."""
    try:
        set_pipeline_account(os.environ, progress=to_stderr)
    except RevealedError as error:
        sys.stderr.write(error.describe() + "\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
