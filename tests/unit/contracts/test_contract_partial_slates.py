"""A log that kept only some of a slate's items says so; everybody else's positions count 1, 2, 3, ..."""

from __future__ import annotations

import json

import pytest

from revealed.contracts import Rejected, RejectionReason, decode_line


def request(positions: list[int], context: dict[str, object] | None = None) -> bytes:
    items = [{"item_id": f"i{number}", "position": position} for number, position in enumerate(positions)]
    line = {"request_id": "r", "occurred_at": "2026-01-01T00:00:00Z", "user_id": "u", "surface": "home"}
    line |= {"model_name": "m", "model_version": "1", "policy": "p"}
    return json.dumps({**line, "items": items, **({"context": context} if context else {})}).encode()


@pytest.mark.parametrize("positions", [[3], [1, 3], [2, 5, 9]])
def test_a_declared_part_is_accepted(positions: list[int]) -> None:
    row = decode_line("inferences", request(positions, {"partial_slate": True}))
    assert [item.position for item in row.items] == positions  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("positions", "context"),
    [([3], None), ([1, 3], {"partial_slate": "true"}), ([2, 2], {"partial_slate": True}), ([2, 1], None)],
)
def test_anything_else_out_of_step_is_refused(
    positions: list[int], context: dict[str, object] | None
) -> None:
    with pytest.raises(Rejected) as refused:
        decode_line("inferences", request(positions, context))
    assert refused.value.reason is RejectionReason.POSITIONS_NOT_CONTIGUOUS
