"""Who calls, what they may do, and which moment it is for them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fastapi import Request

from revealed.contracts import EARLIEST_YEAR, LATEST_YEAR
from revealed.gateway.refusals import HttpRefusal
from revealed.gateway.state import Gateway
from revealed.gateway.tokens import Token

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Caller:
    """A request that may go ahead: its token, and the present moment (UTC) as it may set it."""

    token: Token
    now: datetime


def require_scope(scope: str) -> Callable[[Request], Awaitable[Caller]]:
    """Return a FastAPI dependency: the `Caller`, or a refusal with 401, 403, 429."""

    async def dependency(request: Request) -> Caller:
        gateway: Gateway = request.app.state.gateway
        return authorize(gateway, request.headers, scope)

    return dependency


def authorize(gateway: Gateway, headers: Mapping[str, str], scope: str) -> Caller:
    """Return the caller.

    Args:
        gateway: who is called.
        headers: the request's headers, by lower-case name.
        scope: what the call needs.

    Raises:
        HttpRefusal: 401 without a valid token; 403 where it lacks the scope; 429 where its rate is spent; 400 for a
            `Revealed-Now` that is no moment.
    """
    now = gateway.clock()
    scheme, _, text = headers.get("authorization", "").partition(" ")
    token = gateway.tokens.find(text.strip(), now) if scheme.lower() == "bearer" else None
    if token is None:
        raise HttpRefusal(
            401,
            "unauthorized",
            "there is no valid token in the request",
            remedy="send `Authorization: Bearer rvl_...`; `revealed gateway token create` makes one",
            headers={"WWW-Authenticate": 'Bearer realm="revealed"'},
        )
    _require(token, scope)
    gateway.rates.admit(token.id)
    stated = headers.get("revealed-now")
    return Caller(token, now if stated is None else _stated_moment(token, stated))


def _require(token: Token, scope: str) -> None:
    if scope not in token.scopes:
        raise HttpRefusal(
            403,
            "forbidden",
            f"this token lacks the scope {scope}",
            remedy=f"`revealed gateway token create --scope {scope}` makes one that has it",
        )


def _stated_moment(token: Token, text: str) -> datetime:
    _require(token, "clock:set")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not EARLIEST_YEAR <= moment.year < LATEST_YEAR:
        raise HttpRefusal(
            400,
            "bad_moment",
            f"`Revealed-Now` is no moment with a zone, from {EARLIEST_YEAR} to {LATEST_YEAR}",
            remedy="send RFC 3339, such as 2026-05-01T08:00:00Z",
        )
    return moment.astimezone(UTC)
