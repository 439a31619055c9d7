"""`revealed queries`: whom to ask about what, because the answer would teach most."""

from __future__ import annotations

from typing import Annotated

import typer

from revealed.commands.logs import Json
from revealed.commands.output import say, say_json, table
from revealed.progress import to_stderr
from revealed.settings import Settings

_SHOWN = 20
_COLUMNS = ("user_id", "item_id", "reason", "information", "score", "rank", "propensity")


def queries(
    budget: Annotated[int, typer.Option(help="Questions in all.", min=1)] = 1_000,
    per_person: Annotated[int, typer.Option(help="Questions for one person.", min=1)] = 3,
    pair_cooldown: Annotated[
        int, typer.Option(help="Days of data in which nobody is asked the same again.", min=0)
    ] = 90,
    person_cooldown: Annotated[
        int, typer.Option(help="Days of data in which a person who was asked is left in peace.", min=0)
    ] = 7,
    seed: Annotated[int, typer.Option(help="Of the draw.", min=0)] = 0,
    as_json: Json = False,
) -> None:
    """Publish the questions whose answers would teach the champion most, as a table for the product to ask.

    Near ties at the edge of what a person is shown, and items of which words and deeds speak differently. Drawn with
    probabilities that the table states, so that whoever learns from the answers can weigh them. The same data and model
    give the same table.

    \b
    Examples:
      revealed queries
      revealed queries --budget 200 --per-person 1 --json
    """
    from revealed.active_learning import QueryBudget, current_queries, publish_queries

    settings = Settings.from_env()
    allowed = QueryBudget(budget, per_person, pair_cooldown, person_cooldown)
    published = publish_queries(settings, allowed, seed=seed, progress=to_stderr)
    manifest, rows = current_queries(settings)
    if as_json:
        say_json(published.to_dict() | {"queries": rows})
        return
    say(table(rows[:_SHOWN], _COLUMNS) if rows else "(nobody may be asked anything now)")
    say(
        f"{manifest.rows:,} queries for {manifest.people:,} people, of {manifest.candidates:,} that could be asked;"
        f" generation {manifest.generation} under {settings.published / 'queries'}"
    )
