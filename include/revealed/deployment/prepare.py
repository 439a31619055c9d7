"""What must be there before the services of docker-compose.yml start: folders, Airflow's database, its administrator.

`python -m revealed.deployment.prepare`, the service `init`. It may run at every start: what is there already stays, but
the administrator's password is set to the one in `.env`, which is therefore the place to change it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

from revealed.contracts import LOGS
from revealed.errors import PlatformError, RevealedError, UsageError
from revealed.progress import Progress, quiet, to_stderr
from revealed.settings import Settings

_ROLE = "Admin"
_EXISTS = "already exists in the db"


def prepare(settings: Settings, env: Mapping[str, str], *, progress: Progress = quiet) -> None:
    """Make `settings.home` and Airflow's database ready for every service.

    Args:
        settings: whose home is prepared.
        env: Airflow's configuration, and AIRFLOW_ADMIN_USER, AIRFLOW_ADMIN_EMAIL and AIRFLOW_ADMIN_PASSWORD.
        progress: told of each step.

    Raises:
        UsageError: a variable is missing.
        BuildFailedError: the dbt project does not parse.
        PlatformError: Airflow refused; the message holds the end of what it said.
    """
    from revealed.warehouse import compile_manifest

    user = _administrator(env)
    create_folders(settings)
    progress("compiling the dbt project")
    compile_manifest(settings)
    progress("preparing Airflow's database")
    _airflow(["db", "migrate"], env)
    progress(f"setting the password of Airflow's administrator {user['username']}")
    _set_account(user, env)


def create_folders(settings: Settings) -> None:
    """Create the folders that services share; those with secrets or personal data are for their owner only."""
    settings.home.mkdir(parents=True, exist_ok=True)
    for log in LOGS:
        (settings.landing / log).mkdir(parents=True, exist_ok=True)
    for folder in (settings.mlflow / "artifacts", settings.airflow_home / "logs", settings.locks):
        folder.mkdir(parents=True, exist_ok=True)
    settings.gateway.mkdir(mode=0o700, exist_ok=True)


def _administrator(env: Mapping[str, str]) -> dict[str, str]:
    names = {key: f"AIRFLOW_ADMIN_{key.upper()}" for key in ("user", "email", "password")}
    missing = [name for name in names.values() if not env.get(name)]
    if missing:
        raise UsageError(f"not set: {', '.join(missing)}", where=".env", remedy="make env")
    return {
        "username": env[names["user"]],
        "email": env[names["email"]],
        "password": env[names["password"]],
    }


def _set_account(user: Mapping[str, str], env: Mapping[str, str]) -> None:
    """Create the account, or set its password where it exists; asked twice, through standard input, seen by nobody."""
    answers = f"{user['password']}\n" * 2
    names = ["--username", user["username"]]
    details = ["--firstname", user["username"], "--lastname", "administrator", "--email", user["email"]]
    said = _airflow(["users", "create", *names, *details, "--role", _ROLE], env, answers)
    if _EXISTS in said:
        _airflow(["users", "reset-password", *names], env, answers)


def _airflow(arguments: list[str], env: Mapping[str, str], answers: str = "") -> str:
    """Run one `airflow` command and return what it said.

    It gets no terminal (a new session), so that it reads a password from its standard input.
    """
    done = subprocess.run(
        [sys.executable, "-m", "airflow", *arguments],
        env=dict(env), input=answers, text=True, capture_output=True, check=False, start_new_session=True,
    )  # fmt: skip
    said = done.stdout + done.stderr
    if done.returncode:
        raise PlatformError(
            f"airflow {' '.join(arguments[:2])} failed; its last words:\n{said[-3000:]}",
            where="Airflow's database",
            remedy="see that PostgreSQL can be reached with the password in .env, then start again",
        )
    return said


def main() -> int:
    """Prepare the home of the environment's settings and return the exit code."""
    try:
        prepare(Settings.from_env(), os.environ, progress=to_stderr)
    except RevealedError as error:
        sys.stderr.write(error.describe() + "\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
