"""`revealed explain`: which past interactions made an item rank for a person."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from revealed.commands.logs import Json
from revealed.commands.output import say, say_json, table
from revealed.settings import Settings

_MEANINGS = {
    "exact": "each like's share of the score; the likes sum to it",
    "one_left_out": "by how much the score would fall without it; these do not add up",
    "crowd": "the same for everybody: nothing of the person is in it",
    "unexplained": "this model does not tell what made a score",
}
_SHOWN = 10


def explain(
    user: Annotated[str, typer.Argument(help="The user's id; a visitor is anon:<anonymous_id>.")],
    item: Annotated[
        str | None, typer.Argument(help="The item's id; left out, the first items of the list.")
    ] = None,
    version: Annotated[
        str,
        typer.Option(help="A version's number or alias; its lists are made from the newest dataset."),
    ] = "champion",
    k: Annotated[int, typer.Option("-k", help="How many items, or how deep to look for ITEM.", min=1)] = 10,
    as_json: Json = False,
) -> None:
    """Explain a ranking: the past interactions that made an item's score, and the dislikes that held it back.

    How the confidence in each of these interactions came about is told by `revealed why USER ITEM`.

    \b
    Examples:
      revealed explain u00042
      revealed explain u00042 i0017 --json
      revealed explain u00042 i0017 --version challenger
    """
    from revealed.publishing.explanation import explain_ranking

    found = explain_ranking(Settings.from_env(), user, item, version=version, k=k)
    if as_json:
        say_json(found.to_dict())
        return
    say(f"{user}: version {found.model_version} ({found.model}) on dataset {found.dataset_version}")
    if not found.items:
        say("the model has no item for this person; their list comes from elsewhere (`revealed recommend`)")
    for entry in found.to_dict()["items"]:
        say("\n" + _item(entry))


def _item(entry: dict[str, Any]) -> str:
    place = f"rank {entry['rank']}" if entry["rank"] else "not among the first items"
    lines = [
        f"{_named(entry)}: {place}, score {entry['score']:.4f}",
        f"  {_MEANINGS[entry['method']]}",
    ]
    if entry["people"] is not None:
        lines.append(f"  liked by {entry['people']:,} people")
    for name, title in (("because", "for"), ("against", "against")):
        moving = [reason for reason in entry[name] if name == "because" or reason["amount"] < 0]
        reasons = [_reason(reason) for reason in moving[:_SHOWN]]
        if reasons:
            more = len(moving) - len(reasons)
            lines += [f"  {title}" + (f" (and {more} more)" if more else ""), table(reasons)]
    return "\n".join(lines)


def _reason(reason: dict[str, Any]) -> dict[str, Any]:
    return {
        "item": reason["item_id"],
        "title": reason["title"] or "",
        "confidence": reason["confidence"],
        "amount": reason["amount"],
    }


def _named(entry: dict[str, Any]) -> str:
    return f"{entry['item_id']} ({entry['title']})" if entry["title"] else str(entry["item_id"])
