"""The documents that are generated from code, written by `python -m revealed.documents` (`make docs`)."""

from __future__ import annotations

from revealed.contracts import export_schemas
from revealed.durable import write_bytes
from revealed.settings import Settings
from revealed.warehouse import compile_manifest
from revealed.warehouse.dictionary import data_dictionary


def write_documents(settings: Settings) -> None:
    """Write the contracts' JSON Schemas and the data dictionary into `docs/`.

    Raises:
        BuildFailedError: the dbt project does not parse.
    """
    docs = settings.project_root / "docs"
    export_schemas(docs / "contracts")
    write_bytes(docs / "data-dictionary.md", data_dictionary(compile_manifest(settings)).encode())


if __name__ == "__main__":
    write_documents(Settings.from_env())
