"""`revealed why`: how the confidence of one person in one item came about, event by event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from revealed.commands.logs import Json
from revealed.commands.output import say, say_json, table
from revealed.settings import Settings

if TYPE_CHECKING:
    from revealed.feedback import Explanation

_HEADINGS = {
    "base_weight": "weight",
    "strength": "strength",
    "kept_share": "kept",
    "recency_factor": "recency",
    "dwell_factor": "dwell",
    "examination_factor": "place",
    "damping": "said",
    "counted": "counted",
}


def why(
    user: Annotated[str, typer.Argument(help="The user's id; a visitor is anon:<anonymous_id>.")],
    item: Annotated[str, typer.Argument(help="The item's id.")],
    as_json: Json = False,
) -> None:
    """Explain the confidence of a user in an item: every piece of evidence with its factors, the sums, the formula.

    \b
    Examples:
      revealed why u00042 i0017
      revealed why 712 3311 --json
    """
    from revealed.feedback import explain_pair

    found = explain_pair(Settings.from_env(), user, item)
    if as_json:
        say_json(found.to_dict())
        return
    say(_header(found))
    for polarity, title in (("positive", "for"), ("negative", "against")):
        pieces = [piece for piece in found.pieces if piece["polarity"] == polarity]
        if pieces:
            say(f"\n{title}: weight × strength × kept × recency × dwell × place × said = counted")
            say(table([_line(piece) for piece in pieces]))
    say("\n" + "\n".join(_sums(found)))
    if found.uncounted:
        say("\nnot counted\n" + table([_uncounted(entry) for entry in found.uncounted]))


def _header(found: Explanation) -> str:
    title = f" ({found.title})" if found.title else ""
    verdict = "liked" if found.preference else "not liked"
    return (
        f"{found.user_id} and {found.item_id}{title}: {verdict}, confidence {found.confidence:+.4f}\n"
        f"as of {found.as_of:%Y-%m-%d %H:%M} UTC, signal policy {found.policy_version}"
    )


def _line(piece: dict[str, Any]) -> dict[str, Any]:
    line = {"when": f"{piece['occurred_at']:%Y-%m-%d %H:%M}", "what": piece["event_type"]}
    line |= {heading: piece[name] for name, heading in _HEADINGS.items()}
    return line | {"because": "; ".join(_reasons(piece))}


def _reasons(piece: dict[str, Any]) -> list[str]:
    """Return, in words, where the factors that are not 1 come from."""
    found = [f"{piece['age_days']:.1f} days old, halves in {piece['half_life_days']:g}"]
    if piece["kept_share"] < 1:
        found.append(f"{1 - piece['kept_share']:.0%} taken back")
    if piece["is_clickbait"]:
        found.append(f"left after {piece['active_ms'] / 1000:g} s: clickbait")
    elif piece["is_dwell_assumed"]:
        found.append("time not known: taken as usual")
    elif piece["active_ms"] is not None:
        found.append(f"{piece['active_ms'] / 1000:g} s ({piece['dwell_source']}){_against_usual(piece)}")
    if piece["examination_factor"] != 1:
        found.append(
            f"position {piece['position']} of {piece['surface']} is looked at {piece['examination']:.0%}"
        )
    if piece["is_superseded"]:
        found.append("a later statement took its place")
    elif piece["damping"] < 1:
        found.append("the person said otherwise")
    return found


def _against_usual(piece: dict[str, Any]) -> str:
    return "" if piece["dwell_z"] is None else f", {piece['dwell_z']:+.1f} sd against the usual"


def _sums(found: Explanation) -> list[str]:
    sums, row = found.sums, found.published
    lines = [f"P = {sums.positive:.4f}", f"N = {sums.negative_events:.4f} of events"]
    if sums.skips:
        cap = f", at most {found.rule['skip_evidence_max']:g}" if sums.skips > sums.skips_capped else ""
        lines[1] += (
            f" + {sums.skips_capped:.4f} of showings passed over ({sums.skips:.4f}{cap}) = {sums.negative:.4f}"
        )
    if row["anchor"] is not None:
        lines.append(
            f"anchor {row['anchor']:+.2f} ({row['anchor_type']}, {row['anchor_at']:%Y-%m-%d %H:%M}): what speaks otherwise"
            f" up to {found.rule['anchor_reach_minutes']} minutes after it counts × {row['implicit_damping']:.4f}"
        )
    return [*lines, f"confidence = {found.formula}"]


def _uncounted(entry: dict[str, Any]) -> dict[str, Any]:
    when = f"{entry['occurred_at']:%Y-%m-%d %H:%M}"
    return {"when": when, "what": entry["what"], "why not": entry["reason"], "id": entry["id"]}
