"""A candidate that passed its audit becomes the warehouse in service, in one step that cannot be seen half done."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from revealed.clock import utc_now
from revealed.durable import (
    exclusive_lock,
    publish_directory,
    remove_tree,
    sha256_file,
    swap_link,
    write_json,
)
from revealed.engines.duckdb import connect
from revealed.errors import BuildFailedError, StaleError
from revealed.quality import AuditResult, audit_warehouse
from revealed.settings import Settings
from revealed.warehouse.plan import BuildPlan
from revealed.warehouse.pointer import (
    current_generation,
    generations_folder,
    newest_generation,
    read_manifest,
)

_BUILD_ONLY_SCHEMAS = ("raw", "staging")


@dataclass(frozen=True)
class WarehouseManifest:
    """What was published: kept as `manifest.json` beside the file."""

    generation: int
    as_of: str
    window_start: str | None
    base_generation: int
    created_at: str
    duckdb_version: str
    project_digest: str
    policy_version: str
    files: dict[str, dict[str, Any]]
    content: dict[str, dict[str, Any]]
    audit: dict[str, Any]

    @property
    def content_hashes(self) -> dict[str, str]:
        """One digest a mart; equal digests mean equal rows, whatever their order in the file."""
        return {table: entry["hash"] for table, entry in self.content.items()}


def finish_candidate(settings: Settings, plan: BuildPlan) -> None:
    """Close the built candidate: drop what only the build needed, and leave one file without a log beside it.

    Raises:
        BuildFailedError: DuckDB left a write-ahead log behind, so that the file alone would not be whole.
    """
    con = connect(settings, plan.database)
    try:
        for schema in _BUILD_ONLY_SCHEMAS:
            con.execute(f"drop schema if exists {schema} cascade")
        con.execute("force checkpoint")
    finally:
        con.close()
    if plan.database.with_name(plan.database.name + ".wal").exists():
        raise BuildFailedError("the candidate has a write-ahead log left", where=str(plan.database))


def audit_candidate(settings: Settings, plan: BuildPlan) -> AuditResult:
    """Audit the finished candidate and keep the result beside it; failed expectations do not raise here."""
    result = audit_warehouse(settings, plan.database, as_of=plan.as_of)
    write_json(plan.folder / "audit.json", result.to_dict())
    return result


def read_audit(plan: BuildPlan) -> AuditResult:
    """Return the audit result kept beside the candidate."""
    return AuditResult.from_dict(json.loads((plan.folder / "audit.json").read_bytes()))


def content_hashes(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Any]]:
    """Return rows and an order-free digest for every table and view of `marts`."""
    names = con.execute(
        "select table_name from information_schema.tables where table_schema = 'marts' order by 1"
    ).fetchall()
    content: dict[str, dict[str, Any]] = {}
    for (name,) in names:
        row = con.execute(
            f'select count(*), coalesce(sum(cast(hash(mart) as hugeint)), 0) from marts."{name}" as mart'
        ).fetchone()
        assert row is not None
        content[name] = {"rows": row[0], "hash": f"{row[1]:x}"}
    return content


def publish_candidate(settings: Settings, plan: BuildPlan, audit: AuditResult) -> WarehouseManifest:
    """Put the candidate into service and return its manifest.

    Raises:
        AuditFailedError: the audit did not pass; the old warehouse stays in service.
        StaleError: another build was published since this one was planned, or what is in service is newer.
        LockedError: another process is publishing right now.
    """
    audit.require_pass()
    with exclusive_lock(settings.locks / "warehouse.lock", "publish the warehouse"):
        _refuse_stale(settings, plan)
        generation = newest_generation(settings) + 1
        manifest = _describe(settings, plan, audit, generation)
        write_json(plan.folder / "manifest.json", asdict(manifest))
        plan.database.chmod(0o444)
        final = generations_folder(settings) / f"{generation:06d}"
        publish_directory(plan.folder, final)
        swap_link(settings.published_warehouse, final / "warehouse.duckdb")
        _prune(settings)
    return manifest


def _refuse_stale(settings: Settings, plan: BuildPlan) -> None:
    current = current_generation(settings)
    if current != plan.base_generation:
        raise StaleError(
            f"generation {current} was published since this build started from {plan.base_generation}",
            where=str(plan.folder),
            remedy="build again from what is in service now",
        )
    if current:
        in_service = datetime.fromisoformat(read_manifest(settings)["as_of"])
        if plan.as_of < in_service:
            raise StaleError(
                f"the warehouse in service is as of {in_service:%Y-%m-%d %H:%M}, newer than {plan.as_of:%Y-%m-%d %H:%M}",
                where=str(settings.published_warehouse),
                remedy="build as of a later moment; late lines of an old day are part of every later build",
            )


def _describe(settings: Settings, plan: BuildPlan, audit: AuditResult, generation: int) -> WarehouseManifest:
    con = connect(settings, plan.database, read_only=True)
    try:
        content = content_hashes(con)
        policy = con.execute("select max(policy_version) from policy.signal_policy").fetchone()
    finally:
        con.close()
    return WarehouseManifest(
        generation=generation,
        as_of=plan.as_of.astimezone(UTC).isoformat(),
        window_start=plan.window_start.isoformat() if plan.window_start else None,
        base_generation=plan.base_generation,
        created_at=utc_now().isoformat(),
        duckdb_version=duckdb.__version__,
        project_digest=plan.project_digest,
        policy_version=policy[0] if policy else "",
        files={
            plan.database.name: {
                "sha256": sha256_file(plan.database),
                "bytes": plan.database.stat().st_size,
            }
        },
        content=content,
        audit=audit.to_dict(),
    )


def _prune(settings: Settings) -> None:
    """Keep the newest generations; whoever has an older one open keeps reading it."""
    folders = sorted(generations_folder(settings).glob("[0-9]*"))
    in_service = settings.published_warehouse.resolve().parent
    for folder in folders[: -settings.keep_generations]:
        if folder != in_service:
            remove_tree(folder)


def clean_leftovers(settings: Settings) -> list[Path]:
    """Remove candidates that nobody will publish any more (their base is no longer in service); return them."""
    removed = []
    current = current_generation(settings)
    for folder in sorted(settings.candidates.glob("*")) if settings.candidates.is_dir() else []:
        plan = folder / "plan.json"
        if plan.exists() and json.loads(plan.read_bytes())["base_generation"] < current:
            remove_tree(folder)
            removed.append(folder)
    return removed
