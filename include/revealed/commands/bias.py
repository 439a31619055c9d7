"""`revealed bias`: how much the position decides, surface by surface, and where the logs cannot tell."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from revealed.commands.logs import Json
from revealed.commands.output import say, say_json, table
from revealed.errors import NoDataError, NothingPublishedError
from revealed.settings import Settings

_SHOWN = ("position", "examination", "ci_low", "ci_high", "naive_ctr_ratio", "clicks", "impressions")
_CURVE = "select * from marts.rpt_position_bias where coalesce(surface = ?, true) order by surface, position"


def bias(
    surface: Annotated[str | None, typer.Option(help="One surface only.")] = None,
    as_json: Json = False,
) -> None:
    """Show the position curve of each surface with its intervals, or why there is none.

    \b
    Examples:
      revealed bias
      revealed bias --surface home_feed --json
    """
    rows = _curves(Settings.from_env(), surface)
    if as_json:
        say_json({"position_bias": rows})
        return
    for number, name in enumerate(dict.fromkeys(row["surface"] for row in rows)):
        _say_surface(name, [row for row in rows if row["surface"] == name], first=number == 0)


def _curves(settings: Settings, surface: str | None) -> list[dict[str, Any]]:
    import duckdb

    from revealed.warehouse import open_published

    con = open_published(settings)
    try:
        cursor = con.execute(_CURVE, [surface])
        names = [column[0] for column in cursor.description or []]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    except duckdb.CatalogException as error:
        raise NothingPublishedError(
            "the published warehouse has no position curve", remedy="build it again: `revealed run`"
        ) from error
    finally:
        con.close()
    if not rows:
        raise NoDataError(
            "there is no curve",
            where=surface or "marts.rpt_position_bias",
            remedy="name a surface of the log, and build days whose clicks are mature",
        )
    return rows


def _say_surface(name: str, rows: list[dict[str, Any]], *, first: bool) -> None:
    methods = sorted({row["method"] for row in rows} - {"refused"})
    say(
        f"{'' if first else chr(10)}{name}: {methods[0] if methods else 'refused'}, as of {rows[0]['as_of']:%Y-%m-%d}"
    )
    if methods:
        say(f"  by {rows[0]['basis']}")
        say(table(rows, _SHOWN))
    for reason in dict.fromkeys(row["reason"] for row in rows if row["reason"]):
        places = ", ".join(str(row["position"]) for row in rows if row["reason"] == reason)
        say(f"  refused at {places}: {reason}")
