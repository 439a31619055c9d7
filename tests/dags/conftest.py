from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from revealed.embedded.configuration import process_environment
from revealed.settings import Settings

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def described(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The DAGs as a fresh process sees them under the embedded platform's own configuration."""
    from revealed.warehouse import compile_manifest

    settings = Settings(home=tmp_path_factory.mktemp("home"), project_root=PROJECT)
    compile_manifest(settings)
    script = Path(__file__).with_name("describe_dags.py")
    done = subprocess.run(
        [sys.executable, str(script), str(PROJECT / "dags")],
        env=process_environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


@pytest.fixture(scope="session")
def dags(described: dict[str, Any]) -> dict[str, Any]:
    assert described["import_errors"] == {}
    found: dict[str, Any] = described["dags"]
    return found
