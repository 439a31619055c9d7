"""`revealed warehouse`: the feedback as it was known at a moment of the past, and what is in a published one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from revealed.commands.logs import Json
from revealed.commands.output import say, say_json, table
from revealed.days import parse_moment
from revealed.progress import to_stderr
from revealed.settings import Settings

app = typer.Typer(help="The warehouse as it was known at a moment; what is in a published one.")


@app.callback()
def warehouse() -> None:
    """The warehouse as it was known at a moment; what is in a published one."""


@app.command("as-of")
def as_of(
    moment: Annotated[
        str,
        typer.Argument(help="YYYY-MM-DD (its beginning) or YYYY-MM-DDTHH:MM:SS, UTC or with an offset."),
    ],
    to: Annotated[Path, typer.Option(help="The DuckDB file to write; it must not exist yet.")],
    as_json: Json = False,
) -> None:
    """Build the warehouse from scratch as known at a moment: only lines received before it, by today's rules.

    A return that arrived later is not in it, and the credit it took back still stands. Nothing is published.

    \b
    Examples:
      revealed warehouse as-of 2026-01-15 --to january.duckdb
      revealed warehouse as-of 2026-01-15T12:00:00+01:00 --to noon.duckdb --json
    """
    from revealed.warehouse import rebuild_as_of

    at = parse_moment(moment, where="MOMENT")
    rebuilt = rebuild_as_of(Settings.from_env(), at, to, progress=to_stderr)
    if as_json:
        say_json(rebuilt.to_dict())
        return
    say(f"{rebuilt.file}: as of {rebuilt.as_of:%Y-%m-%d %H:%M:%S} UTC, {rebuilt.bytes:,} bytes")
    say(table([{"mart": name, "rows": entry["rows"]} for name, entry in rebuilt.content.items()]))


@app.command("digest")
def digest(
    generation: Annotated[
        int | None, typer.Option(help="A generation that is kept; the one in service where none is named.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print rows and a digest of every mart: two builds with equal digests hold equal rows, in whatever order.

    Every row is read, of views too; that takes about as long as an audit.

    \b
    Examples:
      revealed warehouse digest
      revealed warehouse digest --generation 12 --json
    """
    from revealed.warehouse import digest_published

    found = digest_published(Settings.from_env(), generation)
    if as_json:
        say_json(found.to_dict())
        return
    say(f"generation {found.generation}, as of {found.as_of}")
    say(table([{"mart": name, **entry} for name, entry in found.marts.items()]))
