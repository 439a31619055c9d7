"""The audit of everything before it is published, with Great Expectations, and its Data Docs.

Great Expectations takes seconds to import, so it is imported when an audit runs, not when this package is; and what opens
tables only then, too, so that an audit's process can be started before anything else is imported (`audit_process`).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from revealed.quality.result import AuditFailure, AuditResult

if TYPE_CHECKING:
    from revealed.quality.gate import audit_warehouse
    from revealed.quality.snapshot import audit_snapshot

__all__ = ["AuditFailure", "AuditResult", "audit_snapshot", "audit_warehouse"]

_LATE = {"audit_snapshot": "revealed.quality.snapshot", "audit_warehouse": "revealed.quality.gate"}


def __getattr__(name: str) -> Any:
    """Return a late import."""
    if name in _LATE:
        return getattr(import_module(_LATE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
