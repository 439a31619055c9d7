"""A candidate that passed its audit becomes the warehouse in service, in one step that cannot be seen half done."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

import duckdb

from revealed.clock import utc_now
from revealed.durable import (
    publish_directory,
    remove_tree,
    sha256_file,
    swap_link,
    write_json,
)
from revealed.engines.duckdb import connect
from revealed.errors import BuildFailedError, DamagedFileError, StaleError
from revealed.faults import fault_point
from revealed.quality import AuditResult, audit_warehouse
from revealed.settings import Settings
from revealed.warehouse.digest import row_counts
from revealed.warehouse.plan import BuildPlan, load_plan
from revealed.warehouse.pointer import (
    current_generation,
    folder_of,
    generation_folders,
    newest_generation,
    publishing,
    refuse_older,
)

_BUILD_ONLY_SCHEMAS = ("raw", "staging", "build")


@dataclass(frozen=True)
class WarehouseManifest:
    """What was published: kept as `manifest.json` beside the file. `content` has the rows of each mart that is a table."""

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


def finish_candidate(settings: Settings, plan: BuildPlan) -> None:
    """Close the built candidate: drop what only the build needed, and leave one file without a log beside it.

    Raises:
        BuildFailedError: DuckDB left a write-ahead log behind, so that the file alone would not be whole.
    """
    con = connect(settings, plan.database)
    try:
        for schema in _BUILD_ONLY_SCHEMAS:
            con.execute(f"drop schema if exists {schema} cascade")
        fault_point("candidate_stripped")
        con.execute("force checkpoint")
    finally:
        con.close()
    if plan.database.with_name(plan.database.name + ".wal").exists():
        raise BuildFailedError("the candidate has a write-ahead log left", where=str(plan.database))
    fault_point("candidate_finished")


def audit_candidate(settings: Settings, plan: BuildPlan) -> AuditResult:
    """Audit the finished candidate and keep the result beside it; failed expectations do not raise here."""
    result = audit_warehouse(settings, plan.database, as_of=plan.as_of)
    write_json(plan.folder / "audit.json", result.to_dict())
    return result


def read_audit(plan: BuildPlan) -> AuditResult:
    """Return the audit result kept beside the candidate."""
    return AuditResult.from_dict(json.loads((plan.folder / "audit.json").read_bytes()))


def publish_candidate(settings: Settings, plan: BuildPlan, audit: AuditResult) -> WarehouseManifest:
    """Put the candidate into service and return its manifest.

    Raises:
        AuditFailedError: the audit did not pass; the old warehouse stays in service.
        StaleError: another build was published since this one was planned, or what is in service is newer.
        LockedError: another process is publishing right now.
    """
    audit.require_pass()
    with publishing(settings):
        return _publish(settings, plan, audit)


def publish_built(settings: Settings, folder: Path) -> WarehouseManifest:
    """Put the candidate in `folder` into service by the audit kept beside it, and return its manifest.

    Safe to call again after a kill: where an earlier call had moved the candidate to its generation already,
    this one finishes the job, or finds it finished.

    Raises:
        MissingInputError: there is no such candidate, and no generation was made from it.
        DamagedFileError: the generation made from it is not what its manifest says.
        AuditFailedError, StaleError, LockedError: as `publish_candidate`.
    """
    with publishing(settings):
        moved = _generation_made_from(settings, folder)
        if moved is not None:
            return _finish_publishing(settings, moved)
        plan = load_plan(folder)
        audit = read_audit(plan)
        audit.require_pass()
        return _publish(settings, plan, audit)


def _publish(settings: Settings, plan: BuildPlan, audit: AuditResult) -> WarehouseManifest:
    _refuse_stale(settings, plan)
    generation = newest_generation(settings) + 1
    manifest = _describe(settings, plan, audit, generation)
    for staged in plan.folder.glob(".*.tmp"):  # of a call that was killed while it wrote
        staged.unlink()
    write_json(plan.folder / "manifest.json", asdict(manifest))
    plan.database.chmod(0o444)
    fault_point("warehouse_described")
    final = folder_of(settings, generation)
    publish_directory(plan.folder, final)
    fault_point("warehouse_renamed")
    _put_in_service(settings, final)
    return manifest


def _put_in_service(settings: Settings, folder: Path) -> None:
    swap_link(settings.published_warehouse, folder / "warehouse.duckdb")
    fault_point("warehouse_swapped")
    _prune(settings)


def _generation_made_from(settings: Settings, candidate: Path) -> Path | None:
    """Return the generation that this candidate became, found by the plan that moved with it."""
    for folder in generation_folders(settings):
        plan = folder / "plan.json"
        if plan.is_file() and json.loads(plan.read_bytes())["folder"] == candidate.name:
            return folder
    return None


def _finish_publishing(settings: Settings, folder: Path) -> WarehouseManifest:
    manifest = WarehouseManifest(**json.loads((folder / "manifest.json").read_bytes()))
    if current_generation(settings) != manifest.generation:
        plan = load_plan(folder)
        _refuse_stale(settings, plan)
        _require_whole(plan.database, manifest)
        _put_in_service(settings, folder)
    return manifest


def _require_whole(database: Path, manifest: WarehouseManifest) -> None:
    if sha256_file(database) != manifest.files[database.name]["sha256"]:
        raise DamagedFileError(
            "this warehouse is not the one that its manifest describes; the one before it stays in service",
            where=str(database),
            remedy="build again: `revealed run`, or the DAG build_feedback",
        )


def _refuse_stale(settings: Settings, plan: BuildPlan) -> None:
    current = current_generation(settings)
    if current != plan.base_generation:
        raise StaleError(
            f"generation {current} was published since this build started from {plan.base_generation}",
            where=str(plan.folder),
            remedy="build again from what is in service now",
        )
    refuse_older(settings, plan.as_of)


def _describe(settings: Settings, plan: BuildPlan, audit: AuditResult, generation: int) -> WarehouseManifest:
    con = connect(settings, plan.database, read_only=True)
    try:
        content = row_counts(con)
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
    in_service = settings.published_warehouse.resolve().parent
    for folder in generation_folders(settings)[: -settings.keep_generations]:
        if folder != in_service:
            remove_tree(folder)
