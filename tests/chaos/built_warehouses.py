"""Built warehouses to break: steps in child processes that can be killed, copies of candidates, and what must hold."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from revealed.durable import sha256_file
from revealed.quality import AuditResult
from revealed.settings import Settings
from revealed.warehouse import BuildPlan, current_generation, digest_file, read_manifest

FIRST = datetime(2026, 1, 3, tzinfo=UTC)
SECOND = FIRST + timedelta(days=1)
PUBLISH = "from revealed.warehouse import publish_built; publish_built(settings, Path(sys.argv[2]))"
PREPARE = (
    "from datetime import datetime; from revealed.warehouse import prepare_candidate;"
    "prepare_candidate(settings, datetime.fromisoformat(sys.argv[2]))"
)
FINISH = (
    "from revealed.warehouse import finish_candidate, load_plan;"
    "finish_candidate(settings, load_plan(Path(sys.argv[2])))"
)


@dataclass(frozen=True)
class World:
    """A home with generation 1 in service, and the folders of built candidates for the day after."""

    settings: Settings
    raw_candidate: Path
    candidate: Path


def settings_at(home: Path) -> Settings:
    env = {
        "REVEALED_HOME": str(home),
        "REVEALED_LANDING_GRACE_SECONDS": "0",
        "REVEALED_HOLDOUT_DAYS": "1",
    }
    return Settings.from_env(env)


def start(settings: Settings, code: str, *words: str, fault: str = "") -> subprocess.Popen[str]:
    """Start a child process that does one step; a refusal exits with its own code."""
    frame = (
        "import sys\nfrom dataclasses import replace\nfrom pathlib import Path\n"
        "from revealed.errors import RevealedError\nfrom revealed.settings import Settings\n"
        "settings = replace(Settings.from_env({'REVEALED_HOME': sys.argv[1]}), holdout_days=1)\n"
        f"try:\n    {code}\nexcept RevealedError as error:\n    sys.exit(error.exit_code)\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", frame, str(settings.home), *words],
        env={**os.environ, "REVEALED_FAULT": fault},
        stderr=subprocess.PIPE,
        text=True,
    )


def kill_at(point: str, settings: Settings, code: str, *words: str) -> None:
    child = start(settings, code, *words, fault=point)
    _, told = child.communicate(timeout=120)
    assert child.returncode == 137, told


def passed(settings: Settings) -> AuditResult:
    """These tests are about publishing; tests/integration audits for real."""
    return AuditResult(passed=True, checks=1, failures=[], data_docs=settings.data_docs)


def audited(settings: Settings, plan: BuildPlan) -> Path:
    (plan.folder / "audit.json").write_text(json.dumps(passed(settings).to_dict()))
    return plan.folder


def candidate_in(settings: Settings, built: Path, name: str = "") -> Path:
    """Put a copy of a built candidate where a build would have left it."""
    folder = shutil.copytree(built, settings.candidates / (name or built.name))
    plan = json.loads((folder / "plan.json").read_bytes())
    (folder / "plan.json").write_text(json.dumps(plan | {"folder": folder.name}))
    return folder


def rebase(folder: Path, generation: int) -> Path:
    """Say that the candidate was made from this generation."""
    plan = json.loads((folder / "plan.json").read_bytes())
    (folder / "plan.json").write_text(json.dumps(plan | {"base_generation": generation}))
    return folder


def hashes_of(database: Path, settings: Settings) -> dict[str, str]:
    return {name: str(entry["hash"]) for name, entry in digest_file(settings, database).items()}


def assert_in_service(settings: Settings, generation: int) -> None:
    """The generation is in service, whole, and a new reader can read it."""
    assert current_generation(settings) == generation
    manifest = read_manifest(settings)
    assert manifest["generation"] == generation
    path = settings.published_warehouse.resolve()
    assert sha256_file(path) == manifest["files"]["warehouse.duckdb"]["sha256"]
    rows = {name: entry["rows"] for name, entry in digest_file(settings, path).items()}
    assert manifest["content"].items() <= {name: {"rows": count} for name, count in rows.items()}.items()
    assert manifest["content"]["fct_events"]["rows"] > 0


def latest_event(con: duckdb.DuckDBPyConnection) -> object:
    row = con.execute("select count(*), max(occurred_at) from marts.fct_events").fetchone()
    assert row is not None
    assert row[0] > 0
    return row


def temporary_files(settings: Settings) -> list[Path]:
    return [path for path in settings.published.rglob("*") if path.name.endswith(".tmp")]


def age(folder: Path, hours: float) -> Path:
    """Make everything in the folder look as if last written so many hours ago."""
    for path in [*folder.rglob("*"), folder]:
        moment = path.stat().st_mtime - hours * 3600
        os.utime(path, (moment, moment))
    return folder
