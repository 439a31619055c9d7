"""The measured tasks themselves; `revealed.benchmarks.scale.worker` runs each in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from revealed.benchmarks.scale.handwritten import MATCHES, handwritten_statements
from revealed.benchmarks.scale.measure import cpu_seconds, measured, peak_megabytes, reset_peak
from revealed.engines.duckdb import connect
from revealed.errors import BuildFailedError
from revealed.landing import read_ledger
from revealed.progress import to_stderr
from revealed.quality import AuditResult
from revealed.settings import Settings
from revealed.warehouse import (
    audit_candidate,
    digest_file,
    finish_candidate,
    prepare_candidate,
    publish_candidate,
    read_audit,
)
from revealed.warehouse.dbt import dbt_environment, target_folder
from revealed.warehouse.plan import load_plan
from revealed.warehouse.raw_views import create_raw_views

_START, _END = "NodeStart", "NodeFinished"
_WORTH_TELLING_S = 1.0


def query(
    settings: Settings,
    *,
    timed: list[str],
    setup: Sequence[str] = (),
    database: str | None = None,
    is_read_only: bool = True,
    undo: bool = False,
) -> dict[str, Any]:
    """Run SQL and return what the `timed` statements cost, with the last one's first row as `answer`.

    Args:
        settings: the memory limit and threads.
        timed: the statements that are measured together.
        setup: run before, not measured.
        database: a DuckDB file; in memory where it is None.
        is_read_only: open the file for reading only.
        undo: run everything in a transaction that is rolled back, so that the file stays as it is.
    """
    con = connect(settings, Path(database) if database else None, read_only=is_read_only and not undo)
    con.execute("set preserve_insertion_order = false")
    try:
        for statement in [*(["begin"] if undo else []), *setup]:
            con.execute(statement)
        with measured() as cost:
            for statement in timed:
                answer = con.execute(statement).fetchone()
        if undo:
            con.execute("rollback")
    finally:
        con.close()
    return {**asdict(cost), "answer": [str(value) for value in answer or ()]}


def prepare(settings: Settings, *, as_of: str, from_scratch: bool) -> dict[str, Any]:
    """Plan a candidate: copy what is in service, find the changed ids."""
    with measured() as cost:
        plan = prepare_candidate(settings, datetime.fromisoformat(as_of), from_scratch=from_scratch)
    return {**asdict(cost), "folder": str(plan.folder), "from_scratch": plan.from_scratch}


def dbt(settings: Settings, *, folder: str, tests: bool = True, select: str | None = None) -> dict[str, Any]:
    """Build the candidate as `run_dbt` does, one model after another, but in this process and each measured.

    Args:
        settings: where everything is.
        folder: the candidate's.
        tests: run the data tests, too, as in service.
        select: only these models, in dbt's words.
    """
    from dbt.cli.main import dbtRunner

    plan = load_plan(Path(folder))
    os.environ.update(dbt_environment(settings, plan.database))
    nodes = _Nodes()
    target = target_folder(settings)
    arguments = ["--quiet", "--log-path", str(target.parent / "logs"), "build"]
    arguments += ["--exclude-resource-type", "unit_test", *([] if tests else ["test"])]
    arguments += ["--select", select] if select else []
    arguments += ["--target-path", str(target), "--project-dir", str(settings.dbt_project)]
    arguments += ["--profiles-dir", str(settings.dbt_project)]
    with measured() as cost:
        done = dbtRunner(callbacks=[nodes.hear]).invoke(arguments)
    if not done.success:
        raise BuildFailedError("dbt failed", where=nodes.failures or str(done.exception))
    cost.peak_mb = max([cost.peak_mb, *(node["peak_mb"] for node in nodes.seen)])
    return {**asdict(cost), "nodes": nodes.seen}


class _Nodes:
    """Listens to dbt: what each seed, model and test cost between its start and its end."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.failures = ""
        self._cpu = 0.0

    def hear(self, event: Any) -> None:
        """Take one of dbt's events."""
        if event.info.name == _START:
            reset_peak()
            self._cpu = cpu_seconds()
        elif event.info.name == _END:
            cost = {"cpu_s": cpu_seconds() - self._cpu, "peak_mb": peak_megabytes()}
            node = event.data.node_info
            self._tell(node, cost)
            if node.node_status not in ("success", "pass"):
                self.failures += f"{node.unique_id}: {event.data.run_result.message}\n"
            kind = {"name": node.node_name, "type": node.resource_type, "materialized": node.materialized}
            self.seen.append({**kind, "schema": node.node_relation.schema, **cost})

    def _tell(self, node: Any, cost: dict[str, float]) -> None:
        if cost["cpu_s"] >= _WORTH_TELLING_S:
            to_stderr(f"{node.node_name}: {cost['cpu_s']:.1f} CPU s, {cost['peak_mb']:,.0f} MB")


def finish(settings: Settings, *, folder: str) -> dict[str, Any]:
    """Close the built candidate."""
    plan = load_plan(Path(folder))
    with measured() as cost:
        finish_candidate(settings, plan)
    return {**asdict(cost), "database_mb": plan.database.stat().st_size / 1e6}


def audit(settings: Settings, *, folder: str) -> dict[str, Any]:
    """Audit the finished candidate, Great Expectations' import included, as a task of its own pays it every day.

    Raises:
        AuditFailedError: it did not pass: figures of a wrong warehouse say nothing.
    """
    plan = load_plan(Path(folder))
    with measured() as cost:
        result = audit_candidate(settings, plan)
    result.require_pass()
    return {**asdict(cost), "checks": result.checks}


def publish(settings: Settings, *, folder: str, audited: bool) -> dict[str, Any]:
    """Put the candidate into service by the audit kept beside it; as if it had passed where it was not `audited`."""
    plan = load_plan(Path(folder))
    passed = AuditResult(passed=True, checks=0, failures=[], data_docs=settings.data_docs)
    result = read_audit(plan) if audited else passed
    with measured() as cost:
        manifest = publish_candidate(settings, plan, result)
    return {**asdict(cost), "generation": manifest.generation}


def digests(settings: Settings, *, database: str) -> dict[str, Any]:
    """Return rows and content hash of every mart."""
    with measured() as cost:
        content = digest_file(settings, Path(database))
    return {**asdict(cost), "content": content}


def by_hand(settings: Settings, *, database: str, as_of: str) -> dict[str, Any]:
    """Write the core's tables with the hand-written statements into a new file; the matches' fingerprint is the answer."""
    con = connect(settings, Path(database))
    try:
        create_raw_views(settings, con, read_ledger(settings))
        con.execute("set preserve_insertion_order = false")
        costs = {}
        with measured() as cost:
            for statement in handwritten_statements(settings, datetime.fromisoformat(as_of)):
                with measured() as one:
                    con.execute(statement)
                costs[statement.split()[2]] = one.cpu_s
            con.execute("checkpoint")
        answer = con.execute(f"select {MATCHES} from events").fetchone()
    finally:
        con.close()
    return {**asdict(cost), "statements": costs, "answer": [str(value) for value in answer or ()]}
