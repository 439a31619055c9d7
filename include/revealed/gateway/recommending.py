"""The GET calls: recommendations, similar items, questions."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, FastAPI, Request, Response

from revealed.active_learning import asked as asked_log
from revealed.exploration.policy import Exploration, Slate, slate
from revealed.gateway import reading_answers as answers
from revealed.gateway.access import Caller, require_scope
from revealed.gateway.capped_pools import under_caps
from revealed.gateway.decisions import SERVING, Asked, Decider, log_decision, read_context
from revealed.gateway.plain_parameters import recommendation_parameters
from revealed.gateway.reading_route import QuickRoute, ReadingRoute
from revealed.gateway.refusals import HttpRefusal
from revealed.gateway.serving import Serving
from revealed.gateway.state import Gateway
from revealed.gateway.surface_rules import on_surface
from revealed.publishing.opened import OpenSnapshot, RankedList

router = APIRouter(tags=["read"], route_class=ReadingRoute)
Reader = Annotated[Caller, Depends(require_scope("recommendations:read"))]
Asker = Annotated[Caller, Depends(require_scope("queries:read"))]
# The model of lists for people whom nobody knows: the model's own figures must not count them.
FALLBACK = "fallback"


class _RecommendationsRoute(QuickRoute):
    """Takes plainly right parameters without asking FastAPI."""

    plain = staticmethod(recommendation_parameters)


quick_router = APIRouter(tags=["read"], route_class=_RecommendationsRoute)


def add_routes(app: FastAPI, gateway: Gateway) -> None:
    """Add the GET calls, and what they answer from, which follows what is published while the app runs.

    Raises:
        InvalidInputError: the rules file is wrong.
    """
    serving = Serving(gateway.settings, gateway.metrics)
    gateway.service = serving
    gateway.on_start.append(serving.start)
    gateway.on_stop.append(serving.stop)
    app.include_router(quick_router)
    app.include_router(router)


@quick_router.get(
    "/v1/recommendations/{user:id}",
    response_model=answers.RecommendationsAnswer,
    responses=answers.refusals(410),
    openapi_extra=answers.WITH_TOKEN,
)
async def get_recommendations(
    request: Request,
    caller: Reader,
    user: answers.Person,
    surface: answers.Surface = "home",
    k: answers.Length = 10,
    context: answers.Context = None,
    item: answers.CurrentItem = None,
    exclude: answers.Excluded = [],  # noqa: B006 - FastAPI copies it
    session_id: answers.Session = None,
    anonymous: answers.Anonymous = False,
) -> Response:
    """Draw a slate for somebody from the snapshot in service; the decision is durable in the log before this answers.

    What the session skipped, hid or marked as not interesting is gone at once. Whom nobody knows gets the fallback lists.
    """
    gateway, serving = _state(request)
    gateway.disk.require_space()
    _require_not_erased(gateway, user)
    asked = Asked.by(user, anonymous, session_id, caller.now)
    features = read_context(context)
    snapshot = serving.snapshot()
    gone = gateway.sessions.excluded(user, session_id, caller.now, is_anonymous=anonymous)
    gone.update(exclude, [item] if item else [])
    listed, is_known = _list_for(snapshot, asked, item)
    rules = serving.rules
    listed = on_surface(listed.without(gone), snapshot, rules.shown, surface, gone=gone, k=k)
    exploration = rules.explorations.on(surface)
    listed = under_caps(listed, snapshot.items, rules.shown.caps, k, exploration)
    drawn = slate(serving.rng, listed.utilities, k, exploration, pinned=listed.pinned)
    manifest = snapshot.manifest
    decider = Decider(
        surface,
        manifest.model if is_known else FALLBACK,
        manifest.model_version,
        exploration.policy,
        manifest.snapshot_id,
    )
    told = _context(features, exploration, drawn, is_known=is_known, item=item)
    logged = _logged(listed, drawn)
    kept = await log_decision(gateway, asked, decider, told, logged)
    answer = {
        "request_id": asked.request_id,
        **asked.identity,
        "is_known": is_known,
        "occurred_at": asked.now,
        **decider._asdict(),
        "as_of": _instant(manifest.as_of),
        "items": _shown(snapshot, listed, drawn, logged[:kept]),
    }
    return _json(answer)


@router.get(
    "/v1/items/{item:id}/similar",
    response_model=answers.SimilarAnswer,
    responses=answers.refusals(404),
    openapi_extra=answers.WITH_TOKEN,
)
async def get_similar(
    request: Request, caller: Reader, item: answers.ItemId, k: answers.Length = 10
) -> Response:
    """Tell which items are most like an item; none where nothing is known to be."""
    _, serving = _state(request)
    snapshot = serving.snapshot()
    if item not in snapshot.items:
        raise HttpRefusal(404, "unknown_item", "nobody knows this item", remedy="send an id of the catalogue")
    alike = [
        {"item_id": other, "score": cosine, "source": source, "title": snapshot.items.title(other)}
        for other, cosine, source in snapshot.similar_to(item)[:k]
    ]
    return _json({"item_id": item, "snapshot_id": snapshot.manifest.snapshot_id, "items": alike})


@router.get(
    "/v1/queries/{user:id}",
    response_model=answers.QueriesAnswer,
    responses=answers.refusals(410),
    openapi_extra=answers.WITH_TOKEN,
)
async def get_queries(
    request: Request,
    caller: Asker,
    user: answers.Person,
    k: answers.FewQuestions = 3,
    session_id: answers.Session = None,
    anonymous: answers.Anonymous = False,
) -> Response:
    """Tell what to ask somebody; that it was asked is durable in the log before this answers, for the cool-down."""
    gateway, serving = _state(request)
    gateway.disk.require_space()
    _require_not_erased(gateway, user)
    asked = Asked.by(user, anonymous, session_id, caller.now)
    questions = serving.questions()
    gone = gateway.sessions.excluded(user, session_id, caller.now, is_anonymous=anonymous)
    rows = [row for row in questions.of(_name(asked)) if row["item_id"] not in gone][:k]
    manifest = questions.manifest
    decider = Decider(
        asked_log.SURFACE,
        asked_log.POLICY,
        manifest.model_version,
        asked_log.POLICY,
        asked_log.snapshot_name(manifest.generation),
    )
    # The chance of being in the table is not that of this place in a slate, which `propensity` is: it is told beside.
    told = {SERVING: {"inclusion": [row["propensity"] for row in rows]}}
    items = [
        {"item_id": row["item_id"], "position": position, "score": row["score"]}
        for position, row in enumerate(rows, start=1)
    ]
    kept = await log_decision(gateway, asked, decider, told, items)
    answer = {
        "request_id": asked.request_id,
        **asked.identity,
        "occurred_at": asked.now,
        "generation": manifest.generation,
        "as_of": _instant(manifest.as_of),
        "model_version": manifest.model_version,
        "queries": [_question(serving, row) for row in rows[:kept]],
    }
    return _json(answer)


def _state(request: Request) -> tuple[Gateway, Serving]:
    gateway: Gateway = request.app.state.gateway
    serving = gateway.service
    assert isinstance(serving, Serving)
    return gateway, serving


def _require_not_erased(gateway: Gateway, person: str) -> None:
    """Refuse to decide for somebody of whom nothing may be written down again.

    Raises:
        HttpRefusal: 410, this person was erased.
    """
    if gateway.erased().holds(person):
        raise HttpRefusal(
            410,
            "erased",
            "this person was erased here",
            remedy="show something that needs no decision of ours",
        )


def _name(asked: Asked) -> str:
    """Return a person's id as the warehouse, and so all that is published, knows them."""
    return f"anon:{asked.person}" if asked.is_anonymous else asked.person


def _list_for(snapshot: OpenSnapshot, asked: Asked, item: str | None) -> tuple[RankedList, bool]:
    """Return the list of who asks, or that for strangers, and whether the person is known."""
    listed = snapshot.list_of(_name(asked))
    if listed is not None:
        return listed, True
    return snapshot.list_for_strangers(snapshot.items.topic(item) if item else None), False


def _context(
    features: dict[str, Any], exploration: Exploration, drawn: Slate, *, is_known: bool, item: str | None
) -> dict[str, Any]:
    """Return what the log keeps beside the slate: the client's features, and under `serving` what the draw depends on."""
    ours = {**exploration.parameters(), "pool": drawn.pool, "is_known": is_known}
    if item is not None:
        ours["item_id"] = item
    return {**features, SERVING: ours}


def _logged(listed: RankedList, drawn: Slate) -> list[dict[str, Any]]:
    places = zip(drawn.order.tolist(), drawn.propensities.tolist(), strict=True)
    return [
        {
            "item_id": listed.item_ids[place],
            "position": position,
            "score": float(listed.scores[place]),
            "propensity": propensity,
        }
        for position, (place, propensity) in enumerate(places, start=1)
    ]


def _shown(
    snapshot: OpenSnapshot, listed: RankedList, drawn: Slate, logged: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    return [
        entry
        | {
            "utility": float(listed.utilities[place]),
            "source": listed.sources[place],
            "title": snapshot.items.title(entry["item_id"]),
        }
        for entry, place in zip(logged, drawn.order.tolist(), strict=False)
    ]


def _question(serving: Serving, row: dict[str, Any]) -> dict[str, Any]:
    told = ("item_id", "reason", "information", "score", "propensity")
    return {name: row[name] for name in told} | {"title": serving.title(row["item_id"])}


def _instant(as_of: str) -> str:
    """Return a manifest's moment, which is UTC and does not say so, as the answers say moments."""
    return as_of if as_of.endswith(("Z", "+00:00")) else f"{as_of}Z"


def _json(answer: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json")
