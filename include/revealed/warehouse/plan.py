"""A build's plan: as of when, from which day on, on which file. Made before dbt starts, kept beside the candidate."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from revealed.durable import remove_tree, write_json
from revealed.engines.duckdb import connect
from revealed.errors import MissingInputError, NoDataError
from revealed.faults import fault_point
from revealed.landing import LedgerEntry, read_ledger
from revealed.settings import Settings
from revealed.warehouse.context import write_context
from revealed.warehouse.ledger_tables import write_ledger_tables
from revealed.warehouse.pointer import current_generation
from revealed.warehouse.raw_views import create_raw_views
from revealed.warehouse.window import entries_with_changes, window_start

# Models in Python are thin files in the dbt project; what they compute stands here.
_MODEL_CODE = Path(__file__).resolve().parents[1] / "feedback"


@dataclass(frozen=True)
class BuildPlan:
    """What one build does. `window_start` None means from scratch."""

    as_of: datetime
    window_start: date | None
    base_generation: int
    holdout_days: int
    project_digest: str
    folder: Path

    @property
    def database(self) -> Path:
        """The candidate's DuckDB file."""
        return self.folder / "warehouse.duckdb"

    @property
    def from_scratch(self) -> bool:
        """Whether every day is written."""
        return self.window_start is None

    def save(self) -> None:
        """Write the plan beside the candidate, so that later steps need only the folder."""
        values = asdict(self)
        values.update(
            as_of=self.as_of.isoformat(),
            window_start=self.window_start.isoformat() if self.window_start else None,
            folder=self.folder.name,
        )
        write_json(self.folder / "plan.json", values)


def load_plan(folder: Path) -> BuildPlan:
    """Return the plan of the candidate in `folder`.

    Raises:
        MissingInputError: there is none, or it was published or cleaned away.
    """
    path = folder / "plan.json"
    if not path.exists():
        raise MissingInputError("no candidate is here", where=str(folder), remedy="prepare a new one")
    values = json.loads(path.read_bytes())
    day = values["window_start"]
    return BuildPlan(
        as_of=datetime.fromisoformat(values["as_of"]),
        window_start=date.fromisoformat(day) if day else None,
        base_generation=values["base_generation"],
        holdout_days=values["holdout_days"],
        project_digest=values["project_digest"],
        folder=folder,
    )


def project_digest(settings: Settings) -> str:
    """Return a digest of all that decides what the models compute: their SQL and Python, macros, seeds and settings."""
    digest = hashlib.sha256(str(settings.holdout_days).encode())
    root = settings.dbt_project
    rules = [path for folder in ("models", "macros", "seeds") for path in (root / folder).rglob("*")]
    for base, paths in ((root, rules), (_MODEL_CODE, _MODEL_CODE.rglob("*"))):
        for path in sorted(path for path in paths if path.suffix in {".sql", ".csv", ".py"}):
            digest.update(str(path.relative_to(base)).encode() + b"\0" + path.read_bytes())
    digest.update((root / "dbt_project.yml").read_bytes())
    return digest.hexdigest()


def prepare_candidate(settings: Settings, as_of: datetime, *, from_scratch: bool = False) -> BuildPlan:
    """Copy the warehouse in service, decide what to write again, and return the plan.

    Args:
        settings: where everything is.
        as_of: the end of the data interval, zone-aware; only lines received before it are visible.
        from_scratch: write every day again even where the last build could be continued.

    Raises:
        NoDataError: nothing has landed yet.
    """
    as_of = as_of.astimezone(UTC)
    entries = read_ledger(settings)
    if not any(entry.accepted for entry in entries):
        raise NoDataError(
            "nothing has landed yet",
            where=str(settings.landing),
            remedy="run `revealed ingest` or `revealed simulate`",
        )
    folder = settings.candidates / f"{as_of:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
    folder.mkdir(parents=True)
    try:
        plan = _prepare(settings, folder, as_of, entries, from_scratch=from_scratch)
        plan.save()
    except BaseException:
        remove_tree(folder)  # without a plan nobody could continue it
        raise
    fault_point("candidate_planned")
    return plan


def _prepare(
    settings: Settings, folder: Path, as_of: datetime, entries: list[LedgerEntry], *, from_scratch: bool
) -> BuildPlan:
    generation = current_generation(settings)
    digest = project_digest(settings)
    database = folder / "warehouse.duckdb"
    if generation and not from_scratch:
        shutil.copyfile(settings.published_warehouse.resolve(), database)
        database.chmod(0o600)
    fault_point("candidate_copied")
    con = connect(settings, database)
    try:
        built_as_of = None if from_scratch else _built_as_of(con, entries, digest)
        if built_as_of is None and generation and not from_scratch:
            con = _start_over(settings, con, folder)
        start = (
            None if built_as_of is None else _first_changed_day(settings, con, entries, built_as_of, as_of)
        )
        plan = BuildPlan(as_of, start, generation, settings.holdout_days, digest, folder)
        _write_plan(settings, con, plan, entries, built_as_of)
    finally:
        con.close()
    return plan


def _start_over(
    settings: Settings, con: duckdb.DuckDBPyConnection, folder: Path
) -> duckdb.DuckDBPyConnection:
    """The rules changed: a build from scratch starts in a new file, so that nothing old can stay behind."""
    con.close()
    (folder / "warehouse.duckdb").unlink()
    return connect(settings, folder / "warehouse.duckdb")


def _built_as_of(con: duckdb.DuckDBPyConnection, entries: list[LedgerEntry], digest: str) -> datetime | None:
    """Return the as-of moment of the last build, or None where it cannot be continued."""
    tables = {
        row[0]
        for row in con.execute("select table_name from duckdb_tables() where schema_name = 'ops'").fetchall()
    }
    if "build_state" not in tables:
        return None
    state = con.execute("select as_of, project_digest from ops.build_state").fetchone()
    if state is None or state[1] != digest:
        return None
    if not _built_revisions(con) <= {(entry.sha256, entry.revision) for entry in entries}:
        return None  # lines were taken out of raw (erasure, a restored backup): only scratch is right
    built: datetime = state[0].replace(tzinfo=UTC)
    return built


def _built_files(con: duckdb.DuckDBPyConnection) -> frozenset[str]:
    return frozenset(row[0] for row in con.execute("select sha256 from ops.ledger").fetchall())


def _built_revisions(con: duckdb.DuckDBPyConnection) -> frozenset[tuple[str, int]]:
    """Return the source files that the last build saw, each with how often an erasure had written its rows again."""
    known = con.execute(
        "select count(*) from duckdb_columns() where schema_name = 'ops' and table_name = 'ledger'"
        " and column_name = 'revision'"
    ).fetchone()
    revision = "revision" if known and known[0] else "0"  # a build by an earlier release knew of no erasure
    return frozenset(con.execute(f"select sha256, {revision} from ops.ledger").fetchall())


def _first_changed_day(
    settings: Settings,
    con: duckdb.DuckDBPyConnection,
    entries: list[LedgerEntry],
    built_as_of: datetime,
    as_of: datetime,
) -> date:
    return window_start(
        settings, con, entries, built_files=_built_files(con), built_as_of=built_as_of, as_of=as_of
    )


def _write_plan(
    settings: Settings,
    con: duckdb.DuckDBPyConnection,
    plan: BuildPlan,
    entries: list[LedgerEntry],
    built_as_of: datetime | None,
) -> None:
    as_of = plan.as_of.replace(tzinfo=None)
    con.execute("create schema if not exists ops")
    con.execute(
        "create or replace table ops.build_plan as select "
        "cast(? as varchar) as build_id, cast(? as timestamp) as as_of, cast(? as timestamp) as holdout_start, "
        "cast(? as date) as window_start, cast(? as integer) as holdout_days",
        [
            plan.folder.name,
            as_of,
            as_of - timedelta(days=plan.holdout_days),
            plan.window_start,
            plan.holdout_days,
        ],
    )
    con.execute(
        "create or replace table ops.build_state as select cast(? as timestamp) as as_of, cast(? as varchar) as project_digest",
        [as_of, plan.project_digest],
    )
    changes = None
    if built_as_of is not None:
        changes = entries_with_changes(
            entries, built_files=_built_files(con), built_as_of=built_as_of, as_of=plan.as_of
        )
    create_raw_views(settings, con, entries, with_changes=changes)
    write_context(con, built_as_of, plan.as_of)
    write_ledger_tables(settings, con, entries)
    con.execute("checkpoint")
