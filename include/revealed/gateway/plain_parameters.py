"""A request's parameters where they are plainly right: what FastAPI would make of them, at a tenth of the cost."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from revealed.gateway.access import authorize
from revealed.gateway.reading_answers import LONGEST_CONTEXT, LONGEST_ID, MOST_EXCLUDED, MOST_ITEMS
from revealed.gateway.state import Gateway

_LENGTHS = {str(k): k for k in range(1, MOST_ITEMS + 1)}
_TRUTHS = {"true": True, "false": False}
_IDS = ("surface", "item", "session_id")


def recommendation_parameters(request: Request) -> dict[str, Any] | None:
    """Return the arguments of `get_recommendations` but the request; None where one is not plainly right.

    Raises:
        HttpRefusal: the caller may not ask.
    """
    found: dict[str, Any] = {"user": request.path_params["user"]}
    excluded: list[str] = []
    for name, text in request.query_params.multi_items():
        if name == "exclude":
            excluded.append(text)
        elif name in found:
            return None
        else:
            found[name] = _value(name, text)
    ids = (found["user"], *excluded)
    if None in found.values() or len(excluded) > MOST_EXCLUDED or not all(map(_is_id, ids)):
        return None
    gateway: Gateway = request.app.state.gateway
    caller = authorize(gateway, request.headers, "recommendations:read")
    return found | {"exclude": excluded, "caller": caller}


def _value(name: str, text: str) -> str | int | bool | None:
    """Return a parameter's value; None where it is unknown, or not plainly right."""
    if name == "k":
        return _LENGTHS.get(text)
    if name in _IDS:
        return text if _is_id(text) else None
    if name == "context":
        return text if len(text) <= LONGEST_CONTEXT else None
    return _TRUTHS.get(text) if name == "anonymous" else None


def _is_id(text: str) -> bool:
    return 1 <= len(text) <= LONGEST_ID
