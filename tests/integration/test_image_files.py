"""The Dockerfile says what it promises: hashed locks, pinned bases, nothing runs as root, and all that the package needs."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from compose_file import (
    ROOT,
    read_document,
)

LOCAL_IMAGES = ("runtime", "gpu")


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = read_document()["services"]
    return found


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions with their continued lines joined, comments left out."""
    lines = [
        line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")
    ]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in joined.splitlines() if line.strip()]


def stages() -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for word, rest in instructions():
        if word == "FROM":
            found[rest.split()[-1]] = []
        found[list(found)[-1]].append((word, rest))
    return found


def lineage(stage: str) -> list[tuple[str, str]]:
    """A stage's instructions after those of the stages that it stands on."""
    own = stages()[stage]
    base = own[0][1].split()[0]
    return (lineage(base) if base in stages() else []) + own


def test_the_image_is_built_from_hashed_locks_and_pinned_bases() -> None:
    bases = {rest.split()[0] for word, rest in instructions() if word == "FROM"} - set(stages())
    assert bases == {"python:3.11-slim-bookworm"}
    text = " ".join(rest for _, rest in instructions())
    assert not re.search(r"--index-url|--extra-index|https?://|curl|wget", text)
    installs = [
        part
        for word, rest in instructions()
        if word == "RUN"
        for part in rest.split("&&")
        if "pip install" in part
    ]
    for install in installs:
        assert ("--require-hashes" in install) or ("--no-deps" in install), install
    for lock in re.findall(r"requirements-\w+\.lock", text):
        entries = [
            line for line in (ROOT / lock).read_text().splitlines() if re.match(r"^[a-z0-9].*==", line)
        ]
        assert entries
        assert (ROOT / lock).read_text().count("--hash=sha256:") >= len(entries)


def test_what_the_image_copies_is_there_and_reaches_the_builder() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    kept = [line[1:] for line in ignored if line.startswith("!")]
    assert "*" in ignored
    for word, rest in instructions():
        if word != "COPY" or "--from" in rest:
            continue
        for source in shlex.split(rest)[:-1]:
            assert (ROOT / source).exists(), source
            assert any(Path(source).match(pattern) for pattern in kept), f"{source} is in .dockerignore"
    for secret in (".env", ".revealed", ".git", ".venv-deploy"):
        assert not any(Path(secret).match(pattern) for pattern in kept), secret


@pytest.mark.parametrize("target", LOCAL_IMAGES)
def test_what_runs_is_not_root_and_brings_no_installer(target: str) -> None:
    own = lineage(target)
    assert [rest for word, rest in own if word == "USER"] == ["50000:50000"]
    assert own[-1][0] == "USER"
    assert not any("pip install" in rest for word, rest in own if word == "RUN")


def test_services_use_targets_and_folders_that_the_image_has(services: dict[str, dict[str, Any]]) -> None:
    ours = {name: given for name, given in services.items() if "build" in given}
    assert set(services) - set(ours) == {"postgres", "redis"}
    made = " ".join(rest for _, rest in lineage("runtime"))
    for name, given in ours.items():
        assert given["build"]["target"] in LOCAL_IMAGES, name
        assert given["user"] == "50000:50000", name
        assert given["volumes"] == ["state:/var/lib/revealed"], name
    for folder in ("/var/lib/revealed", "/run/airflow", "/opt/revealed", "/opt/venv"):
        assert folder in made


def test_the_package_can_be_built_from_what_the_image_copies(tmp_path: Path) -> None:
    """The wheel, from those files alone, holds the data files that the code reads."""
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "include", source / "include", ignore=shutil.ignore_patterns("__pycache__"))
    built = subprocess.run(
        [sys.executable, "-c", "from hatchling.build import build_wheel; print(build_wheel('.'))"],
        cwd=source, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    names = subprocess.run(
        [sys.executable, "-m", "zipfile", "--list", built.stdout.split()[-1]],
        cwd=source, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    data = [path for path in (ROOT / "include").rglob("*") if path.suffix in {".j2", ".css", ".json"}]
    assert data
    for path in [*data, ROOT / "include/revealed/deployment/probe.py"]:
        assert str(path.relative_to(ROOT / "include")) in names, json.dumps(str(path))
