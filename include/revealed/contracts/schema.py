"""The contracts as JSON Schema files, for people who write senders in other languages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from revealed import durable
from revealed.contracts.logs import LOGS, Log

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
SOMEBODY = [
    {"required": [name], "properties": {name: {"type": "string"}}} for name in ("user_id", "anonymous_id")
]


def schema_of(log: Log) -> dict[str, Any]:
    """Return the log's JSON Schema: what it can express of the contract."""
    schema: dict[str, Any] = {"$schema": _DIALECT, **msgspec.json.schema(log.struct)}
    if "anonymous_id" in log.fields:
        schema["anyOf"] = SOMEBODY
    return schema


def export_schemas(folder: Path) -> list[Path]:
    """Write each log's `<name>.schema.json` into `folder` (always the same bytes); return the paths."""
    paths = []
    for log in LOGS.values():
        path = folder / f"{log.schema_name}.schema.json"
        durable.write_json(path, schema_of(log))
        paths.append(path)
    return paths
