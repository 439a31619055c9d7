"""The project's own macros as SQL text, rendered by dbt: what the models run, on data of a test's making."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from revealed.settings import Settings
from revealed.warehouse import dbt_environment


def render(settings: Settings, inline: str, folder: Path) -> str:
    """Return the compiled SQL of a query that calls macros."""
    command: list[str | Path] = [
        Path(sys.executable).with_name("dbt"),
        *("--quiet", "--no-use-colors", "--log-path", folder / "logs"),
        *("compile", "--inline", inline, "--target-path", folder / "target"),
        *("--project-dir", settings.dbt_project, "--profiles-dir", settings.dbt_project),
    ]
    done = subprocess.run(
        [str(word) for word in command],
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
            **dbt_environment(settings, folder / "none.duckdb"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
