"""The warehouse: built as a candidate, audited, then published whole."""

from __future__ import annotations

from revealed.warehouse.dbt import compile_manifest, dbt_environment, run_dbt
from revealed.warehouse.digest import WarehouseDigest, content_hashes, digest_file, digest_published
from revealed.warehouse.leftovers import clean_leftovers
from revealed.warehouse.plan import BuildPlan, load_plan, prepare_candidate
from revealed.warehouse.pointer import current_generation, open_published, read_manifest, refuse_older
from revealed.warehouse.publish import (
    WarehouseManifest,
    audit_candidate,
    finish_candidate,
    publish_built,
    publish_candidate,
    read_audit,
)
from revealed.warehouse.rebuild import RebuiltWarehouse, rebuild_as_of

__all__ = [
    "BuildPlan",
    "RebuiltWarehouse",
    "WarehouseDigest",
    "WarehouseManifest",
    "audit_candidate",
    "clean_leftovers",
    "compile_manifest",
    "content_hashes",
    "current_generation",
    "dbt_environment",
    "digest_file",
    "digest_published",
    "finish_candidate",
    "load_plan",
    "open_published",
    "prepare_candidate",
    "publish_built",
    "publish_candidate",
    "read_audit",
    "read_manifest",
    "rebuild_as_of",
    "refuse_older",
    "run_dbt",
]
