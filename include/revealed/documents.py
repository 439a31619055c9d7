"""The documents that are generated from code, written by `python -m revealed.documents` (`make docs`).

With the word `answers` it writes the answers in `docs/queries.md` again, from the published warehouse (`make answers`
after `make demo`).
"""

from __future__ import annotations

import sys

from revealed.commands.output import table
from revealed.contracts import export_schemas
from revealed.documented_queries import queries_document, write_answers
from revealed.durable import write_bytes
from revealed.settings import Settings
from revealed.warehouse import compile_manifest, open_published
from revealed.warehouse.dictionary import data_dictionary


def write_documents(settings: Settings) -> None:
    """Write the contracts' JSON Schemas and the data dictionary into `docs/`.

    Raises:
        BuildFailedError: the dbt project does not parse.
    """
    docs = settings.project_root / "docs"
    export_schemas(docs / "contracts")
    write_bytes(docs / "data-dictionary.md", data_dictionary(compile_manifest(settings)).encode())


def refresh_answers(settings: Settings) -> None:
    """Write the answers in `docs/queries.md` again, from the warehouse in service.

    Raises:
        NothingPublishedError: there is none.
    """
    con = open_published(settings)
    try:
        write_answers(con, queries_document(settings), table)
    finally:
        con.close()


if __name__ == "__main__":
    if sys.argv[1:] == ["answers"]:
        refresh_answers(Settings.from_env())
    else:
        write_documents(Settings.from_env())
