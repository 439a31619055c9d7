"""The questions in `docs/queries.md`: the queries run as they stand there, and the answers are theirs.

A query is a fenced `sql` block; the `text` block after it shows its answer on the demo's world.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from revealed.durable import write_bytes
from revealed.errors import MissingInputError
from revealed.settings import Settings

_BLOCK = re.compile(
    r"^## (?P<question>.+?)\n.*?^```sql\n(?P<sql>.*?)^```\n.*?^```text\n(?P<answer>.*?)^```$", re.M | re.S
)
_ROWS_SHOWN = 8


@dataclass(frozen=True)
class DocumentedQuery:
    """One question: its heading, the query, and the answer that the document shows."""

    question: str
    sql: str
    answer: str


def queries_document(settings: Settings) -> Path:
    """Return the path of the document."""
    return settings.project_root / "docs" / "queries.md"


def read_queries(path: Path) -> list[DocumentedQuery]:
    """Return the document's questions, in order.

    Raises:
        MissingInputError: there is no document, or no question in it.
    """
    text = path.read_text() if path.is_file() else ""
    found = [
        DocumentedQuery(match["question"], match["sql"], match["answer"]) for match in _BLOCK.finditer(text)
    ]
    if not found:
        raise MissingInputError("there are no questions here", where=str(path))
    return found


def run_query(con: duckdb.DuckDBPyConnection, query: DocumentedQuery) -> list[dict[str, Any]]:
    """Return the rows of one query."""
    cursor = con.execute(query.sql)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def write_answers(
    con: duckdb.DuckDBPyConnection, path: Path, show: Callable[[list[dict[str, Any]]], str]
) -> None:
    """Write the answers in the document again, from this warehouse.

    Args:
        con: the published warehouse.
        path: the document.
        show: turns rows into a text table.
    """
    text = path.read_text()
    for query in read_queries(path):
        rows = run_query(con, query)
        answer = show(rows[:_ROWS_SHOWN]) + f"\n({len(rows):,} rows)\n"
        text = text.replace(
            f"{query.sql}```\n\n```text\n{query.answer}```", f"{query.sql}```\n\n```text\n{answer}```"
        )
    write_bytes(path, text.encode())
