"""`revealed recommend`, `revealed sql`: what services and analysts read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from revealed.commands.logs import Json
from revealed.commands.output import say, say_json, table
from revealed.errors import UsageError
from revealed.settings import Settings

if TYPE_CHECKING:
    import duckdb


def recommend(
    user: Annotated[str, typer.Argument(help="The user's id; an unknown one gets the fallback list.")],
    k: Annotated[int, typer.Option("-k", help="How many.", min=1)] = 10,
    topic: Annotated[
        str | None, typer.Option(help="For an unknown user: the topic that they are looking at.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Read a user's recommendations from the snapshot in service.

    \b
    Examples:
      revealed recommend u00042
      revealed recommend 712 -k 10 --json
      revealed recommend somebody-new --topic sport
    """
    from revealed.publishing import read_recommendations

    found = read_recommendations(Settings.from_env(), user, k, topic=topic)
    if as_json:
        say_json(found.to_dict())
        return
    values = found.to_dict()
    known = "known" if found.is_known else "unknown"
    say(f"user {user} ({known}), snapshot generation {values['generation']}")
    say(table(values["recommendations"]))


def sql(
    query: Annotated[str, typer.Argument(help="One SQL query.")],
    as_json: Json = False,
    limit: Annotated[int, typer.Option(help="Rows to print at most.", min=1)] = 100,
) -> None:
    """Ask the published warehouse and the snapshot in service, read-only. The pipeline is not disturbed.

    \b
    Examples:
      revealed sql "select * from marts.rpt_model_daily limit 5"
      revealed sql "select * from marts.recommendations join marts.dim_items using (item_id) where rank = 1"
      revealed sql "select table_name, comment from duckdb_tables()" --json
    """
    from revealed.publishing.database import attach_snapshot
    from revealed.warehouse import open_published

    settings = Settings.from_env()
    con = open_published(settings)
    try:
        attach_snapshot(settings, con)
        # The file's own tables only: a query must not reach the machine's files.
        con.execute("set enable_external_access = false")
        con.execute("set lock_configuration = true")
        rows = _rows(con, query, limit)
    finally:
        con.close()
    if as_json:
        say_json({"rows": rows})
    else:
        say(table(rows) if rows else "(no rows)")


def _rows(con: duckdb.DuckDBPyConnection, query: str, limit: int) -> list[dict[str, Any]]:
    import duckdb

    try:
        if not con.extract_statements(query):
            raise UsageError("there is no query", where="QUERY", remedy="ask for something: select ...")
        cursor = con.execute(query)
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchmany(limit)]
    except duckdb.Error as error:
        raise UsageError("the query does not run", where=query, remedy=str(error)) from error
