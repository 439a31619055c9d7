"""What an ingest did, as numbers that add up."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from revealed.landing.ledger import LedgerEntry


@dataclass
class IngestReport:
    """The sums over the files of one ingest; `received = accepted + duplicate + quarantined + erased`.

    Attributes:
        files: files landed now.
        already_landed: files whose bytes had landed before; they add nothing.
        still_being_written: files left for the next run, because they are young or changed under the reader.
        unrecognised: files in the folder whose names end in nothing that landing reads.
        erased: lines of people who were erased: dropped, nothing of them is kept.
        reasons: quarantined lines by reason code.
    """

    files: int = 0
    received: int = 0
    accepted: int = 0
    duplicate: int = 0
    quarantined: int = 0
    already_landed: int = 0
    still_being_written: int = 0
    unrecognised: int = 0
    erased: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def add(self, entry: LedgerEntry) -> None:
        """Count one landed file."""
        self.files += 1
        self.received += entry.received
        self.accepted += entry.accepted
        self.duplicate += entry.duplicate
        self.quarantined += entry.quarantined
        self.erased += entry.erased
        for reason, lines in entry.reasons.items():
            self.reasons[reason] = self.reasons.get(reason, 0) + lines

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return asdict(self)
