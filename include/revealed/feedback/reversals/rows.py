"""What the allocation says, row by row, in decimals that add up."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from revealed.feedback.reversals.statements import DECIMALS, Original, Reversal

_SCHEMA = pa.schema(
    [
        ("reversal_event_id", pa.string()),
        ("original_event_id", pa.string()),
        ("evidence", pa.string()),
        ("reversed_quantity", pa.float64()),
        ("reversed_share", pa.float64()),
        ("reversed_value", pa.float64()),
        ("share_of_reversal", pa.float64()),
    ]
)


class AllocationRows:
    """Collects rows.

    Every figure is the difference of two running totals rounded to nine decimals, and not the rounded difference:
    thirds would not add up to a whole, and a purchase wholly returned in three parts would stand for a billionth.
    """

    def __init__(self) -> None:
        self._rows: list[tuple[Any, ...]] = []

    def add(
        self,
        reversal: Reversal,
        original: Original,
        evidence: str,
        before: float,
        placed: tuple[float, float],
    ) -> None:
        """Add what `reversal` just took of `original`.

        Args:
            reversal: what took.
            original: what was taken from; its `taken` is the state after.
            evidence: what ties the two.
            before: the original's `taken` before.
            placed: the share of the reversal that had found an original, before and after.
        """
        quantity, share, value = (
            _difference(size * before, size * original.taken)
            for size in (original.units, 1.0, original.logged_value)
        )
        self._rows.append(
            (reversal.event_id, original.event_id, evidence, quantity, share, value, _difference(*placed))
        )

    def add_unmatched(self, reversal: Reversal, placed: float) -> None:
        """Add what is left of a reversal of which the share `placed` has found an original."""
        self._rows.append((reversal.event_id, None, "none", 0.0, 0.0, 0.0, _difference(placed, 1.0)))

    def to_table(self) -> pa.Table:
        """Return the rows sorted by reversal, then original; what found nothing last."""
        rows = sorted(self._rows, key=lambda row: (row[0], row[1] is None, row[1] or ""))
        columns = zip(*rows, strict=True) if rows else [()] * len(_SCHEMA)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, _SCHEMA, strict=True)]
        return pa.Table.from_arrays(arrays, schema=_SCHEMA)


def _difference(before: float, after: float) -> float:
    return round(round(after, DECIMALS) - round(before, DECIMALS), DECIMALS)
