"""The JSON Schemas that senders read are those of the code."""

from __future__ import annotations

import json
from pathlib import Path

from revealed.contracts import EVENT_TYPES, LOGS, export_schemas

COMMITTED = Path(__file__).parents[3] / "docs" / "contracts"


def test_committed_schemas_equal_the_export(tmp_path: Path) -> None:
    exported = export_schemas(tmp_path)
    assert sorted(path.name for path in exported) == sorted(path.name for path in COMMITTED.glob("*.json"))
    for path in exported:
        assert (COMMITTED / path.name).read_bytes() == path.read_bytes(), (
            "run `python -c 'from pathlib import Path; from revealed.contracts import export_schemas;"
            ' export_schemas(Path("docs/contracts"))\'`'
        )


def test_schemas_name_what_the_design_requires() -> None:
    schemas = {
        log: json.loads((COMMITTED / f"{LOGS[log].schema_name}.schema.json").read_text()) for log in LOGS
    }
    event = schemas["events"]["$defs"]["Event"]
    assert event["required"] == ["event_id", "event_type", "occurred_at"]
    assert set(event["properties"]["event_type"]["enum"]) == EVENT_TYPES
    inference = schemas["inferences"]["$defs"]["Inference"]
    assert set(inference["required"]) == {
        "request_id", "occurred_at", "surface", "model_name", "model_version", "policy", "items",
    }  # fmt: skip
    assert len(schemas["events"]["anyOf"]) == len(schemas["inferences"]["anyOf"]) == 2
