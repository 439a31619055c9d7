"""MLflow's account for the pipeline, which is no administrator: it owns what it registers and reads nothing else.

`python -m revealed.deployment.accounts`, the service `accounts`. It may run at every start; the account's password is
set to the one in `.env`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from revealed.errors import PlatformError, RevealedError, UsageError
from revealed.progress import Progress, quiet, to_stderr

_ADMINISTRATOR = "admin"
_TIMEOUT_SECONDS = 10.0
_USERS = "/api/2.0/mlflow/users"
_NEEDED = ("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_ADMIN_PASSWORD")


def set_pipeline_account(env: Mapping[str, str], *, progress: Progress = quiet) -> None:
    """Create the account that `env` names, or set its password where it exists.

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
    account = {"username": env["MLFLOW_TRACKING_USERNAME"], "password": env["MLFLOW_TRACKING_PASSWORD"]}
    status, text = _call("POST", f"{_USERS}/create", account, env)
    if status == 400 and "RESOURCE_ALREADY_EXISTS" in text:
        progress(f"setting the password of MLflow's account {account['username']}")
        status, text = _call("PATCH", f"{_USERS}/update-password", account, env)
    else:
        progress(f"creating MLflow's account {account['username']}")
    if status == 401:
        raise PlatformError(
            "MLflow's administrator has another password than .env says",
            where=env["MLFLOW_TRACKING_URI"],
            remedy="change it in MLflow (docs/deployment.md, Secrets), or put the old one back into .env",
        )
    if status >= 400:
        raise PlatformError(f"MLflow answered {status}: {text[:500]}", where=env["MLFLOW_TRACKING_URI"])


def _call(method: str, path: str, body: Mapping[str, str], env: Mapping[str, str]) -> tuple[int, str]:
    import httpx

    url = env["MLFLOW_TRACKING_URI"].rstrip("/") + path
    who = (_ADMINISTRATOR, env["MLFLOW_ADMIN_PASSWORD"])
    try:
        answer = httpx.request(method, url, json=dict(body), auth=who, timeout=_TIMEOUT_SECONDS)
    except httpx.HTTPError as error:
        raise PlatformError(f"MLflow does not answer: {error}", where=url) from error
    return answer.status_code, answer.text


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
