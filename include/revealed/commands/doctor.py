"""`revealed doctor`: is this installation fit, and is what it holds whole?"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass

import typer

from revealed.commands.logs import Json
from revealed.commands.output import say, say_json, table
from revealed.durable import sha256_file
from revealed.errors import RevealedError
from revealed.settings import Settings

_PACKAGES = (
    "apache-airflow",
    "astronomer-cosmos",
    "dbt-core",
    "dbt-duckdb",
    "duckdb",
    "great-expectations",
    "implicit",
    "mlflow",
)
_LEAST_FREE_BYTES = 1 << 30


@dataclass(frozen=True)
class Finding:
    """One check's result; `ok` None means nothing to check yet."""

    check: str
    ok: bool | None
    detail: str


def doctor(as_json: Json = False) -> None:
    """Check the installation and what it holds; exit 1 if anything is wrong.

    \b
    Example:
      revealed doctor
    """
    settings = Settings.from_env()
    findings = [_guarded(name, check, settings) for name, check in _CHECKS.items()]
    if as_json:
        say_json({"findings": [vars(finding) for finding in findings]})
    else:
        marks = {True: "ok", False: "WRONG", None: "-"}
        say(table([{"check": f.check, "": marks[f.ok], "detail": f.detail} for f in findings]))
    if any(finding.ok is False for finding in findings):
        raise typer.Exit(1)


def _guarded(name: str, check: Callable[[Settings], tuple[bool | None, str]], settings: Settings) -> Finding:
    try:
        ok, detail = check(settings)
    except (RevealedError, OSError, importlib.metadata.PackageNotFoundError) as error:
        ok, detail = False, str(error).replace("\n", "; ")
    return Finding(name, ok, detail)


def _python(settings: Settings) -> tuple[bool, str]:
    return sys.version_info[:2] in {(3, 11), (3, 12)}, sys.version.split()[0]


def _packages(settings: Settings) -> tuple[bool, str]:
    return True, ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)


def _home(settings: Settings) -> tuple[bool, str]:
    settings.home.mkdir(parents=True, exist_ok=True)
    return os.access(settings.home, os.W_OK), str(settings.home)


def _disk(settings: Settings) -> tuple[bool, str]:
    free = shutil.disk_usage(settings.home).free
    return free >= _LEAST_FREE_BYTES, f"{free / (1 << 30):.1f} GiB free"


def _device(settings: Settings) -> tuple[bool, str]:
    from revealed.training import detect_device

    device = detect_device(settings)
    return True, f"{device.name}: {device.reason}"


def _ledger(settings: Settings) -> tuple[bool | None, str]:
    from revealed.landing import read_ledger

    entries = read_ledger(settings)
    if not entries:
        return None, "nothing has landed yet"
    received = sum(entry.received for entry in entries)
    counted = sum(entry.accounted for entry in entries)
    gone = [o.path for entry in entries for o in entry.outputs if not (settings.raw / o.path).exists()]
    detail = f"{len(entries)} files, {received:,} lines received, {counted:,} accounted for"
    return received == counted and not gone, detail + (f", {len(gone)} raw files are gone" if gone else "")


def _warehouse(settings: Settings) -> tuple[bool | None, str]:
    from revealed.warehouse import current_generation, read_manifest

    if not current_generation(settings):
        return None, "none published yet"
    manifest = read_manifest(settings)
    path = settings.published_warehouse.resolve()
    whole = sha256_file(path) == manifest["files"][path.name]["sha256"]
    return (
        whole,
        f"generation {manifest['generation']}, as of {manifest['as_of']}, {'whole' if whole else 'DAMAGED'}",
    )


def _snapshot(settings: Settings) -> tuple[bool | None, str]:
    from revealed.publishing import verify_snapshot

    if not (settings.published_recommendations / "CURRENT").exists():
        return None, "none published yet"
    checked = verify_snapshot(settings, None)
    return True, f"generation {checked['generation']}, {checked['files']} files whole"


def _erasure(settings: Settings) -> tuple[bool | None, str]:
    receipts = list((settings.erasure / "receipts").glob("*.json"))
    pending = list((settings.erasure / "pending").glob("*.json"))
    if pending:
        return False, f"{len(pending)} erasures were begun and not finished: run `revealed erase` again"
    return (
        (True, f"{len(receipts)} people erased, none half-way") if receipts else (None, "nobody was erased")
    )


_CHECKS: dict[str, Callable[[Settings], tuple[bool | None, str]]] = {
    "python": _python,
    "packages": _packages,
    "REVEALED_HOME": _home,
    "disk": _disk,
    "device": _device,
    "ledger": _ledger,
    "warehouse": _warehouse,
    "snapshot": _snapshot,
    "erasure": _erasure,
}
