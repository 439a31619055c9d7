"""The audit of everything before it is published, with Great Expectations, and its Data Docs.

Great Expectations takes seconds to import, so it is imported when an audit runs, not when this package is.
"""

from __future__ import annotations

from revealed.quality.gate import audit_warehouse
from revealed.quality.result import AuditFailure, AuditResult
from revealed.quality.snapshot import audit_snapshot

__all__ = ["AuditFailure", "AuditResult", "audit_snapshot", "audit_warehouse"]
