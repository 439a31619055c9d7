"""Publishers of a small snapshot by the real protocol, publishers that break it, and readers who check every byte."""

from __future__ import annotations

import hashlib
import json
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from revealed.durable import write_bytes, write_json
from revealed.errors import LockedError, StaleError
from revealed.publishing.generations import CURRENT, folder_of, newest_generation
from revealed.publishing.manifest import MANIFEST, SnapshotManifest
from revealed.publishing.publication import publish_generation, publishing
from revealed.settings import Settings

FILES = ("recommendations.parquet", "items.parquet", "snapshot.duckdb")


def settings_at(home: Path) -> Settings:
    return Settings(home=home, project_root=home, keep_generations=5)


def contents(generation: int, name: str) -> bytes:
    """What a file of a generation holds: nothing that another generation, or another file, could hold."""
    line = f"{generation} {name} {hashlib.sha256(f'{generation} {name}'.encode()).hexdigest()}\n"
    return line.encode() * 40


def manifest_of(generation: int, files: dict[str, dict[str, Any]]) -> SnapshotManifest:
    return SnapshotManifest(
        generation, "als", "1", f"m{generation}", "d", "2026-01-01T00:00:00", "p", 3, {}, files, {}, ""
    )


def fill(staged: Path, generation: int) -> SnapshotManifest:
    """Write the files of a small snapshot; Parquet is not needed to be half-written."""
    for name in FILES:
        (staged / name).write_bytes(contents(generation, name))
    files = {
        name: {
            "sha256": hashlib.sha256(contents(generation, name)).hexdigest(),
            "bytes": len(contents(generation, name)),
        }
        for name in FILES
    }
    return manifest_of(generation, files)


def publish(settings: Settings) -> int:
    with publishing(settings):
        return publish_generation(settings, fill).generation


def publish_pointing_first(settings: Settings) -> int:
    """A broken protocol: the pointer moves before the files are there."""
    with publishing(settings):
        generation = newest_generation(settings) + 1
        folder_of(settings, generation).mkdir(parents=True)
        write_bytes(settings.published_recommendations / CURRENT, f"{generation:06d}\n".encode())
        manifest = fill(folder_of(settings, generation), generation)
        write_json(folder_of(settings, generation) / MANIFEST, manifest.to_dict())
        return generation


def publish_without_manifest(settings: Settings) -> int:
    """A broken protocol: the folder is in place and pointed at before its manifest is written."""
    with publishing(settings):
        generation = newest_generation(settings) + 1
        folder = folder_of(settings, generation)
        folder.mkdir(parents=True)
        manifest = fill(folder, generation)
        write_bytes(settings.published_recommendations / CURRENT, f"{generation:06d}\n".encode())
        write_json(folder / MANIFEST, manifest.to_dict())
        return generation


def publish_in_place(settings: Settings) -> int:
    """A broken protocol: one folder for ever, whose files are replaced one by one."""
    with publishing(settings):
        folder = folder_of(settings, 1)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / MANIFEST
        before = json.loads(path.read_bytes())["model_id"].removeprefix("m") if path.exists() else "0"
        generation = int(before) + 1
        for name in FILES:
            write_bytes(folder / name, contents(generation, name))
        entries = {name: {"sha256": hashlib.sha256(contents(generation, name)).hexdigest()} for name in FILES}
        manifest = manifest_of(1, entries).to_dict() | {"model_id": f"m{generation}"}
        write_json(path, manifest)
        write_bytes(settings.published_recommendations / CURRENT, b"000001\n")
        return generation


def publish_for_ever(home: Path, acknowledgements: Path, how: Callable[[Settings], int]) -> None:
    """Publish again and again, and note each publish after it has returned; this process is there to be killed."""
    settings, waiting = settings_at(home), random.Random(os.getpid())
    with acknowledgements.open("ab", buffering=0) as notes:
        while True:
            try:
                notes.write(f"{how(settings)}\n".encode())
            except (LockedError, StaleError):
                time.sleep(waiting.uniform(0, 0.004))


@dataclass
class Reading:
    """What one reader met: whole snapshots, ones that were retired while it read, and anomalies in words."""

    whole: int = 0
    retired: int = 0
    generations: int = 0
    anomalies: list[str] = field(default_factory=list)


def read_for_ever(home: Path, report: Path, stop: Path) -> None:
    """Read the snapshot in service, every byte of it, again and again until told to stop; then write what was met."""
    settings, found, latest = settings_at(home), Reading(), 0
    while not stop.exists():
        latest = read_once(settings, found, latest)
    report.write_text(json.dumps(vars(found)))


def read_once(settings: Settings, found: Reading, latest: int) -> int:
    """Read what is in service and note what was met; return the generation, or `latest` where none was read."""
    root = settings.published_recommendations
    try:
        name = (root / CURRENT).read_text().strip()
    except FileNotFoundError:
        return latest
    trouble = trouble_in(root / name, name)
    # A reader who is five publishes late finds its generation gone; it begins again.
    if trouble and int((root / CURRENT).read_text()) >= int(name) + settings.keep_generations:
        found.retired += 1
        return latest
    if not trouble and int(name) < latest:
        trouble = f"backward: {name} after {latest:06d}"
    if trouble:
        found.anomalies.append(trouble)
        return latest
    found.whole += 1
    found.generations += int(name) > latest
    return int(name)


def trouble_in(folder: Path, name: str) -> str:
    """Return what is wrong with a snapshot; nothing where each byte of each file is its own generation's."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        for file in FILES:
            data = (folder / file).read_bytes()
            if hashlib.sha256(data).hexdigest() != manifest["files"][file]["sha256"]:
                return f"mixed or partial: {name}/{file}"
            if data != contents(int(manifest["model_id"].removeprefix("m")), file):
                return f"of another generation: {name}/{file}"
    except (OSError, ValueError, KeyError) as error:
        return f"partial: {name}: {type(error).__name__} {error}"
    return ""
