"""What the GET calls answer, for the OpenAPI document; and their parameters, with the bounds that are checked."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

# Bounds of the parameters: what FastAPI checks, and what plain_parameters takes without asking it.
LONGEST_ID, LONGEST_CONTEXT, MOST_EXCLUDED, MOST_ITEMS = 256, 8_192, 1_000, 100
_AT = "2026-05-01T08:00:00Z"
Identifier = Annotated[str, Query(min_length=1, max_length=LONGEST_ID)]
Person = Annotated[
    str,
    Path(min_length=1, max_length=LONGEST_ID, description="A user id, or an anonymous id.", examples=["u-7"]),
]
ItemId = Annotated[
    str, Path(min_length=1, max_length=LONGEST_ID, description="An item id.", examples=["a-42"])
]
Length = Annotated[int, Query(ge=1, le=MOST_ITEMS, description="How many.", examples=[10])]
FewQuestions = Annotated[int, Query(ge=1, le=MOST_ITEMS, description="How many at most.", examples=[3])]
Surface = Annotated[
    str,
    Query(
        min_length=1,
        max_length=LONGEST_ID,
        description="Where they will be shown; it decides how is explored.",
    ),
]
Context = Annotated[
    str | None,
    Query(
        max_length=LONGEST_CONTEXT,
        description="A JSON object: input features, kept in the log. `serving` and `partial_slate` are ours.",
        examples=['{"device": "phone"}'],
    ),
]
CurrentItem = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=LONGEST_ID,
        description="The item that is being looked at: not recommended, and whom nobody knows gets its topic first.",
    ),
]
Excluded = Annotated[
    list[Identifier], Query(max_length=MOST_EXCLUDED, description="Items not to show; repeat it.")
]
Session = Annotated[
    str | None,
    Query(min_length=1, max_length=LONGEST_ID, description="What was skipped in this session is not shown."),
]
Anonymous = Annotated[bool, Query(description="The id in the path is an anonymous id.")]


class Recommended(BaseModel):
    """One item, at its position. `propensity`: the marginal probability of this item at this position."""

    item_id: str
    position: int
    score: float = Field(description="Comparable within a source only.")
    utility: float = Field(description="What the draw went by: 0 for the best of the list.")
    propensity: float = Field(gt=0, le=1)
    source: str
    title: str | None


class RecommendationsAnswer(BaseModel):
    """The slate that was drawn and logged. Send `request_id` with the events about it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "request_id": "01980b7c3a5e4e0c9b1f2d3c4b5a6978",
                "user_id": "u-7",
                "anonymous_id": None,
                "is_known": True,
                "surface": "home",
                "occurred_at": _AT,
                "model_name": "als",
                "model_version": "3",
                "policy": "plackett_luce",
                "snapshot_id": "000004",
                "as_of": _AT,
                "items": [
                    {
                        "item_id": "a-42",
                        "position": 1,
                        "score": 0.81,
                        "utility": 0.0,
                        "propensity": 0.31,
                        "source": "als",
                        "title": "Tidal mills",
                    }
                ],
            }
        },
        protected_namespaces=(),
    )

    request_id: str
    user_id: str | None
    anonymous_id: str | None
    is_known: bool = Field(description="False: the lists for people whom nobody knows.")
    surface: str
    occurred_at: datetime
    model_name: str = Field(description="`fallback` where the model has no list for this person.")
    model_version: str
    policy: str
    snapshot_id: str
    as_of: datetime
    items: list[Recommended]


class Similar(BaseModel):
    """One item that is like another."""

    item_id: str
    score: float = Field(description="The cosine.")
    source: str
    title: str | None


class SimilarAnswer(BaseModel):
    """The items most like an item, the most alike first."""

    item_id: str
    snapshot_id: str
    items: list[Similar]


class Question(BaseModel):
    """An item to ask about. `propensity`: with what probability this pair was drawn into the table."""

    item_id: str
    title: str | None
    reason: str
    information: float
    score: float
    propensity: float


class QueriesAnswer(BaseModel):
    """What to ask a person, the most informative first. Send `request_id` with the answer, which is an event."""

    model_config = ConfigDict(protected_namespaces=())

    request_id: str
    user_id: str | None
    anonymous_id: str | None
    occurred_at: datetime
    generation: int
    as_of: datetime
    model_version: str
    queries: list[Question]


class RefusalDetail(BaseModel):
    """What is wrong, where, and what to do about it."""

    code: str
    what: str
    where: str
    do: str


class RefusalAnswer(BaseModel):
    """An answer other than success."""

    error: RefusalDetail


_REFUSALS = {
    400: "`Revealed-Now` is no moment.",
    401: "There is no valid token.",
    403: "The token lacks the scope.",
    404: "Nobody knows this item.",
    410: "This person was erased: nothing of them may be written down, and so nothing is decided.",
    422: "A parameter is out of its bounds, or would break the log's contract.",
    429: "This token's rate is spent; `Retry-After` says for how long.",
    503: "Nothing is published yet, the disk is nearly full, or the journal cannot be written.",
}


WITH_TOKEN: dict[str, Any] = {"security": [{"token": []}]}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what a route declares of its answers other than success."""
    told: dict[int | str, dict[str, Any]] = {}
    for status in (400, 401, 403, 422, 429, 503, *statuses):
        told[status] = {"model": RefusalAnswer, "description": _REFUSALS[status]}
    return told
