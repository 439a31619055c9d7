"""The record of decisions about models: one file a decision, written before it takes effect, never changed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from revealed.clock import utc_now
from revealed.durable import write_json
from revealed.settings import Settings

PROMOTED, REJECTED, ROLLED_BACK = "promoted", "rejected", "rolled_back"


@dataclass(frozen=True)
class Decision:
    """What somebody decided about a version.

    Attributes:
        decided_at: ISO text, UTC.
        decision: `promoted`, `rejected` or `rolled_back`.
        version, model_id: of the model that it is about.
        decided_by, note: who, and why if they said so.
        gates: `passed` or `forced` for a promotion, else empty.
        champion_before, champion_after: the versions in service, None where there is none.
    """

    decided_at: str
    decision: str
    version: str
    model_id: str
    decided_by: str
    note: str
    gates: str
    champion_before: str | None
    champion_after: str | None

    def tags(self) -> dict[str, str]:
        """Return the tags that the version carries in MLflow."""
        told = {
            "decision": self.decision,
            "decided_by": self.decided_by,
            "decided_at": self.decided_at,
            "decision_note": self.note,
        }
        return told | ({"gates": self.gates} if self.gates else {})


def write_decision(settings: Settings, **values: Any) -> Decision:
    """Write a decision and return it, dated by the clock: it is an act of a person, not a result as of a moment."""
    now = utc_now()
    found = Decision(decided_at=now.isoformat(), **values)
    name = f"{now:%Y%m%dT%H%M%S%f}-{found.decision}-{found.version}.json"
    write_json(settings.decisions / name, asdict(found))
    return found


def list_decisions(settings: Settings) -> list[Decision]:
    """Return every decision, the oldest first."""
    return [Decision(**json.loads(path.read_bytes())) for path in sorted(settings.decisions.glob("*.json"))]
