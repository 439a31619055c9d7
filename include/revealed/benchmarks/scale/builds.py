"""Measured builds of the warehouse, and what their figures say by model."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from revealed.benchmarks.scale.worker import run_task
from revealed.progress import Progress, quiet
from revealed.settings import Settings

# What dbt writes beside models: tests and the seed are listed apart.
_MODEL = "model"
_STEPS = ("prepare", "dbt", "finish", "audit", "publish")


def build(
    settings: Settings,
    as_of: datetime,
    *,
    from_scratch: bool,
    publish: bool,
    audit: bool = True,
    progress: Progress = quiet,
    **what: Any,
) -> dict[str, Any]:
    """Build as of a moment, each step in a process of its own, and return the figures.

    Returns `cpu_s` (all steps), `peak_mb` (the largest step), `steps` (cost of each), `models` and `tests` (cost of each node),
    `dbt_own_s` (dbt's CPU seconds outside of every node: start, parsing, bookkeeping), `database_mb` and `folder`.

    Args:
        settings: where everything is.
        as_of: the end of the data interval, UTC.
        from_scratch: write everything, whatever is in service.
        publish: put the result into service.
        audit: audit it first, and fail where it fails.
        progress: told what is being built.
        what: passed on to the task `dbt`.
    """
    begun = prepare_and_run(settings, as_of, from_scratch=from_scratch, progress=progress, **what)
    return complete(settings, begun, publish=publish, audit=audit)


def prepare_and_run(
    settings: Settings, as_of: datetime, *, from_scratch: bool, progress: Progress = quiet, **what: Any
) -> dict[str, Any]:
    """Return the figures of the first two steps; the candidate is left with all its schemas."""
    progress(f"building as of {as_of:%Y-%m-%d}{', from scratch' if from_scratch else ''}")
    moment = as_of.replace(tzinfo=UTC).isoformat()
    prepared = run_task(settings, "prepare", as_of=moment, from_scratch=from_scratch)
    tell = progress is not quiet
    ran = run_task(settings, "dbt", tell=tell, folder=prepared["folder"], **what)
    return {"folder": prepared["folder"], "steps": {"prepare": prepared, "dbt": ran}}


def complete(
    settings: Settings, begun: dict[str, Any], *, publish: bool, audit: bool = True
) -> dict[str, Any]:
    """Finish what `prepare_and_run` began; return the figures of all steps (see `build`)."""
    folder, steps = begun["folder"], begun["steps"]
    steps["finish"] = run_task(settings, "finish", folder=folder)
    found: dict[str, Any] = {"folder": folder, "database_mb": steps["finish"]["database_mb"]}
    if audit:
        steps["audit"] = run_task(settings, "audit", folder=folder)
    if publish:
        steps["publish"] = run_task(settings, "publish", folder=folder, audited=audit)
    nodes = steps["dbt"].pop("nodes")
    found["models"] = [node for node in nodes if node["type"] == _MODEL]
    found["tests"] = [node for node in nodes if node["type"] == "test"]
    found["dbt_own_s"] = steps["dbt"]["cpu_s"] - sum(node["cpu_s"] for node in nodes)
    found["steps"] = {step: steps[step] for step in _STEPS if step in steps}
    found["cpu_s"] = sum(step["cpu_s"] for step in steps.values())
    found["wall_s"] = sum(step["wall_s"] for step in steps.values())
    found["peak_mb"] = max(step["peak_mb"] for step in steps.values())
    return found


def everyday_models(build_figures: dict[str, Any]) -> list[str]:
    """The models whose work follows from what changed: incremental ones, and those of the build's own schema.

    The others (catalogue, statistics, reports) are tables written whole by every build.
    """
    return [
        model["name"]
        for model in build_figures["models"]
        if model["materialized"] in ("incremental", "view") or model["schema"] == "build"
    ]


def cpu_of_models(build_figures: dict[str, Any], names: Collection[str] | None) -> float:
    """CPU seconds of the named models together (all where it is None)."""
    return sum(
        float(model["cpu_s"]) for model in build_figures["models"] if names is None or model["name"] in names
    )


def model_cost(build_figures: dict[str, Any], name: str) -> float:
    """CPU seconds of one model, 0 where there is none of the name."""
    return cpu_of_models(build_figures, (name,))
