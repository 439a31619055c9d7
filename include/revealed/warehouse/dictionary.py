"""The data dictionary: every mart and column as Markdown, from what dbt knows of the models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_HEAD = """# Data dictionary
Every table of the published warehouse that analysts read, in schema `marts`; the same words are comments inside the file.
Written by `make docs` from the models' descriptions: edit those. All times are UTC.
"""


def data_dictionary(manifest: Path) -> str:
    """Return the dictionary of the marts as Markdown, tables and columns in the models' own order.

    Args:
        manifest: dbt's manifest.json (`compile_manifest` writes it).
    """
    nodes = json.loads(manifest.read_bytes())["nodes"].values()
    marts = [node for node in nodes if node["resource_type"] == "model" and node["schema"] == "marts"]
    return "\n".join([_HEAD, *(_table(node) for node in sorted(marts, key=lambda node: node["name"]))])


def _table(node: dict[str, Any]) -> str:
    rows = [
        f"| `{column['name']}` | {column['data_type']} | {column['description']} |"
        for column in node["columns"].values()
    ]
    return "\n".join(
        [f"## `{node['name']}`", node["description"], "", "| column | type | |", "|---|---|---|", *rows, ""]
    )
