"""The warehouse as it was known at a moment, built again from the logs: for audits, disputes and leak-free studies.

Every line carries when it was received, and a build sees only those received before its as-of moment. So the past can
be had again at any time, whatever has arrived since (docs/decisions/reversals-restated-by-rebuild.md).
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from revealed.durable import remove_tree, staged_file
from revealed.errors import NoDataError, UsageError
from revealed.landing import read_ledger
from revealed.progress import Progress, quiet
from revealed.quality import audit_warehouse
from revealed.settings import Settings
from revealed.warehouse.dbt import run_dbt
from revealed.warehouse.digest import digest_file
from revealed.warehouse.plan import prepare_candidate
from revealed.warehouse.publish import finish_candidate


@dataclass(frozen=True)
class RebuiltWarehouse:
    """A warehouse as of a moment in a file of its own; `content` has rows and an order-free hash for each mart."""

    as_of: datetime
    file: Path
    bytes: int
    content: dict[str, dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            "as_of": self.as_of.isoformat(),
            "file": str(self.file),
            "bytes": self.bytes,
            "marts": self.content,
        }


def rebuild_as_of(
    settings: Settings, moment: datetime, file: Path, *, progress: Progress = quiet
) -> RebuiltWarehouse:
    """Build the warehouse from scratch as known at `moment` into `file`, by today's rules, and return what is in it.

    Nothing is published, and what is in service is neither read nor changed. The file appears whole or not at all.

    Args:
        settings: where everything is.
        moment: only lines received before it count; zone-aware.
        file: where to write; it must not exist yet.
        progress: told at each step.

    Raises:
        UsageError: the file exists already.
        NoDataError: nothing had been received by then.
        BuildFailedError: dbt failed. DiskFullError: there was no room.
        AuditFailedError: rows break a rule of the marts.
    """
    if file.exists() or file.is_symlink():
        raise UsageError(
            "this file exists already, and is not replaced", where=str(file), remedy="choose another name"
        )
    _require_lines_before(settings, moment)
    plan = prepare_candidate(settings, moment, from_scratch=True)
    try:
        run_dbt(settings, plan, progress=progress)
        finish_candidate(settings, plan)
        progress("auditing it with Great Expectations")
        audit_warehouse(settings, plan.database, as_of=plan.as_of, subject="rebuild").require_pass()
        content = digest_file(settings, plan.database)
        progress(f"writing {file}")
        with staged_file(file) as staged:
            shutil.move(plan.database, staged)
            staged.chmod(0o644)
    finally:
        remove_tree(plan.folder)
    return RebuiltWarehouse(plan.as_of, file, file.stat().st_size, content)


def _require_lines_before(settings: Settings, moment: datetime) -> None:
    received = [entry.first_received_at for entry in read_ledger(settings) if entry.first_received_at]
    if not received:
        return  # prepare_candidate says that nothing has landed
    first = min(map(datetime.fromisoformat, received))
    if moment <= (first if first.tzinfo else first.replace(tzinfo=UTC)):
        raise NoDataError(
            f"nothing had been received before {moment:%Y-%m-%d %H:%M:%S} UTC",
            where=str(settings.raw),
            remedy=f"ask for a moment after {first:%Y-%m-%d %H:%M:%S} UTC, when the first line was received",
        )
