"""The inference log: one row for each request that a model answered, and the only record of propensities."""

from __future__ import annotations

import itertools
from typing import Annotated

import msgspec
from msgspec import Meta

from revealed.contracts.fields import (
    Embedding,
    Identifier,
    Instant,
    JsonObject,
    Position,
    Propensity,
    Version,
    require_identity,
    require_plausible,
)
from revealed.contracts.rejection import Rejected, RejectionReason

PARTIAL_SLATE = "partial_slate"


class InferenceItem(msgspec.Struct, kw_only=True, gc=False):
    """One shown item. `propensity`: its marginal probability at this position under the logging policy."""

    item_id: Identifier
    position: Position
    score: float | None = None
    propensity: Propensity | None = None


class Inference(msgspec.Struct, kw_only=True, gc=False):
    """One answered request. `context` holds the model's input features; unlisted keys are kept in it.

    `items` are in the order shown, so that `position` counts 1, 2, 3, ... A log that kept only some of the shown items
    sets `context.partial_slate` to true; its positions then only have to rise.
    """

    request_id: Identifier
    occurred_at: Instant
    received_at: Instant | None = None
    user_id: Identifier | None = None
    anonymous_id: Identifier | None = None
    session_id: Identifier | None = None
    surface: Identifier
    model_name: Identifier
    model_version: Identifier
    policy: Identifier
    snapshot_id: Identifier | None = None
    experiment_id: Identifier | None = None
    variant: Identifier | None = None
    query: str | None = None
    context: JsonObject | None = None
    user_embedding: Embedding | None = None
    items: Annotated[list[InferenceItem], Meta(min_length=1)]
    latency_ms: Annotated[float, Meta(ge=0.0)] | None = None
    schema_version: Version = 1

    def __post_init__(self) -> None:
        """Check what types alone cannot say."""
        require_identity(self.user_id, self.anonymous_id)
        require_plausible("occurred_at", self.occurred_at, self.received_at)
        positions = [item.position for item in self.items]
        if positions != list(range(1, len(positions) + 1)):
            self._require_partial(positions)

    def _require_partial(self, positions: list[int]) -> None:
        """Let a log that kept only some of a slate's items through, if it says so."""
        if not (self.context and self.context.get(PARTIAL_SLATE) is True):
            detail = f"the positions are {positions[:20]}, not 1, 2, 3, ...; a log of parts says context.{PARTIAL_SLATE}"
            raise Rejected(RejectionReason.POSITIONS_NOT_CONTIGUOUS, detail)
        if any(later <= earlier for earlier, later in itertools.pairwise(positions)):
            raise Rejected(
                RejectionReason.POSITIONS_NOT_CONTIGUOUS, f"the positions {positions[:20]} do not rise"
            )
