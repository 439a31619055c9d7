"""The OpenAPI document: FastAPI's own, and the POST calls, which FastAPI does not handle."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from revealed.contracts.logs import log_named
from revealed.contracts.schema import SOMEBODY
from revealed.gateway.journal import LANDED
from revealed.gateway.verdicts import Answer

_COMPONENTS = "#/components/schemas/{name}"
_REFUSAL = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "what", "where", "do"],
            "properties": {name: {"type": "string"} for name in ("code", "what", "where", "do")},
        }
    },
}
_REFUSED = {
    400: "The body is no JSON, or not gzip though it says so, or a header means nothing; nothing was stored.",
    401: "There is no valid token.",
    403: "The token lacks the scope.",
    408: "The body did not come in time.",
    409: "The `Idempotency-Key` came before with another body, or is being answered.",
    413: "More than 1 MB (also unpacked), or more than 1,000 lines.",
    415: "The body's encoding is not gzip.",
    429: "This token's rate is spent; `Retry-After` says for how long.",
    503: "The disk is nearly full, or the journal cannot be written; nothing of this request counts.",
}
_WITH_RETRY = (429, 503)
_OVERWRITTEN = {"description": "Whatever it is, the server's own moment takes its place."}


def document(app: FastAPI) -> None:
    """Make `app.openapi()` (and `/docs`) describe every call."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _with_posts(
                get_openapi(title=app.title, version=app.version, routes=app.routes)
            )
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _with_posts(described: dict[str, Any]) -> dict[str, Any]:
    components = described.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    structs = [log_named(log).struct for log in LANDED]
    _, found = msgspec.json.schema_components([*structs, Answer], ref_template=_COMPONENTS)
    schemas.update(found)
    for struct in structs:
        schemas[struct.__name__]["anyOf"] = SOMEBODY
        schemas[struct.__name__]["properties"]["received_at"] = _OVERWRITTEN
    schemas["Refusal"] = _REFUSAL
    components.setdefault("securitySchemes", {})["token"] = {"type": "http", "scheme": "bearer"}
    for log in LANDED:
        described["paths"][f"/v1/{log}"] = {"post": _post(log)}
    return described


def _post(log: str) -> dict[str, Any]:
    line = {"$ref": _COMPONENTS.format(name=log_named(log).struct.__name__)}
    return {
        "tags": ["collect"],
        "operationId": f"post_{log}",
        "summary": f"Send {log}: one, an array, or lines; each gets a verdict.",
        "security": [{"token": []}],
        "parameters": [
            _header("Idempotency-Key", "The same key and body again within 24 hours store nothing.")
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"anyOf": [line, {"type": "array", "items": line}]}},
                "application/x-ndjson": {"schema": {"type": "string"}},
            },
        },
        "responses": _responses(),
    }


def _header(name: str, meaning: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": meaning,
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    }


def _responses() -> dict[str, Any]:
    answer = _json(_COMPONENTS.format(name="Answer"))
    responses: dict[str, Any] = {
        "202": {
            "description": "At least one line was accepted; all that were are durable.",
            "content": answer,
        },
        "422": {"description": "No line was accepted.", "content": answer},
    }
    for status, meaning in _REFUSED.items():
        responses[str(status)] = {
            "description": meaning,
            "content": _json(_COMPONENTS.format(name="Refusal")),
        }
        if status in _WITH_RETRY:
            responses[str(status)]["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    return responses


def _json(reference: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": reference}}}
