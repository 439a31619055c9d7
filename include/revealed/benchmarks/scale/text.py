"""The figures of a run as tables for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from revealed.benchmarks.scale.builds import cpu_of_models, everyday_models
from revealed.benchmarks.scale.handwritten import SAME_WORK
from revealed.commands.output import table

_SLOWEST = 25


def report(figures: dict[str, Any]) -> str:
    """Return the bars, where the time of a build goes, and its slowest models."""
    log, machine = figures["log"], figures["machine"]
    head = (
        f"{log['events']:,} event lines, {log['inferences']:,} requests in {log['files']} raw files, {log['raw_mb']:,.0f} MB;"
        f" {machine['cores']} cores, memory limit {machine['duckdb_memory_limit']}; CPU seconds"
    )
    checks = [_check_row(check) for check in figures["checks"]]
    return "\n\n".join([head, table(checks), table(build_rows(figures)), table(model_rows(figures))])


def build_rows(figures: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one row a part of the build: from scratch, a day on the long history, a day on the short one."""
    builds = {
        "scratch": figures["scratch"],
        "a day": figures["increment"],
        "a day, short history": figures["short increment"],
    }
    everyday = set(everyday_models(figures["increment"]))
    parts: dict[str, Callable[[dict[str, Any]], float]] = {
        "models: core": lambda b: cpu_of_models(b, SAME_WORK),
        "models: other incremental": lambda b: cpu_of_models(b, everyday - set(SAME_WORK)),
        "models: written whole": lambda b: (
            cpu_of_models(b, None) - cpu_of_models(b, everyday | set(SAME_WORK))
        ),
        "dbt tests": lambda b: sum(node["cpu_s"] for node in b["tests"]),
        "dbt itself": lambda b: b["dbt_own_s"],
        "plan (copy, changed ids)": lambda b: b["steps"]["prepare"]["cpu_s"],
        "audit (Great Expectations)": lambda b: b["steps"]["audit"]["cpu_s"],
        "finish, publish": lambda b: sum(
            b["steps"][step]["cpu_s"] for step in ("finish", "publish") if step in b["steps"]
        ),
        "all": lambda b: b["cpu_s"],
        "peak memory, MB": lambda b: b["peak_mb"],
        "database, MB": lambda b: b["database_mb"],
    }
    return [
        {"part": part, **{name: round(of(figure), 1) for name, figure in builds.items()}}
        for part, of in parts.items()
    ]


def model_rows(figures: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the models that cost most, in a build from scratch or in a day's, dearest first."""
    day = {model["name"]: model["cpu_s"] for model in figures["increment"]["models"]}
    rows = [
        {
            "model": model["name"],
            "scratch": round(model["cpu_s"], 2),
            "a day": round(day.get(model["name"], 0.0), 2),
            "peak, MB": round(model["peak_mb"]),
        }
        for model in figures["scratch"]["models"]
    ]
    return sorted(rows, key=lambda row: -max(row["scratch"], row["a day"]))[:_SLOWEST]


def _feedback_tables(build: dict[str, Any]) -> set[str]:
    """What models are trained on: every row changes with every build, because recency does."""
    return {
        model["name"]
        for model in build["models"]
        if model["materialized"] == "table" and model["name"].startswith("feedback_")
    }


def _check_row(check: dict[str, Any]) -> dict[str, Any]:
    limit = check["limit"]
    return {**check, "limit": "" if limit is None else f"{limit:g}"}
