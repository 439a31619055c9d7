"""Why a person and an item have no confidence: unknown, a bot, never shown, never looked at, or nothing that counts."""

from __future__ import annotations

from typing import Any

import duckdb

from revealed.errors import MissingInputError, NoDataError, RevealedError
from revealed.feedback.uncounted import read_uncounted

_IS_KNOWN_USER = """
    select exists (select 1 from marts.fct_events where actor_id = $id)
        or exists (select 1 from intermediate.int_impressions_resolved where actor_id = $id)
        or exists (select 1 from marts.dim_users where user_id = $id)
"""
_IS_KNOWN_ITEM = """
    select exists (select 1 from marts.dim_items where item_id = $id)
        or exists (select 1 from marts.fct_events where item_id = $id)
        or exists (select 1 from intermediate.int_impressions where item_id = $id)
"""
_PERSON_OF = "select user_id from intermediate.int_identities where 'anon:' || anonymous_id = $id"
_BOT = "select reason from intermediate.int_bot_actors where actor_id = $id"


def explain_absence(con: duckdb.DuckDBPyConnection, user_id: str, item_id: str) -> RevealedError:
    """Return the error that says why `feedback_user_item` has no row of the pair."""
    return (
        _unknown_user(con, user_id)
        or _unknown_item(con, item_id)
        or _bot(con, user_id)
        or _no_evidence(con, user_id, item_id)
    )


def _unknown_user(con: duckdb.DuckDBPyConnection, user_id: str) -> RevealedError | None:
    person = _value(con, _PERSON_OF, user_id)
    if person:
        return MissingInputError(
            f"visitor {user_id} is known as the person {person}", where="USER", remedy=f"ask for {person}"
        )
    if _value(con, _IS_KNOWN_USER, user_id):
        return None
    return MissingInputError(
        f"nobody is known as {user_id}",
        where="USER",
        remedy="users are named by their user_id, visitors as anon:<anonymous_id>: see marts.fct_events.actor_id",
    )


def _unknown_item(con: duckdb.DuckDBPyConnection, item_id: str) -> RevealedError | None:
    if _value(con, _IS_KNOWN_ITEM, item_id):
        return None
    return MissingInputError(
        f"no item is known as {item_id}", where="ITEM", remedy="see marts.dim_items for the catalogue"
    )


def _bot(con: duckdb.DuckDBPyConnection, user_id: str) -> RevealedError | None:
    reason = _value(con, _BOT, user_id)
    if not reason:
        return None
    return NoDataError(
        f"{user_id} is left out as a bot ({reason}), so nothing of theirs counts",
        where="intermediate.int_bot_actors",
    )


def _no_evidence(con: duckdb.DuckDBPyConnection, user_id: str, item_id: str) -> RevealedError:
    found = read_uncounted(con, user_id, item_id)
    if not found:
        return NoDataError(f"{item_id} was never shown to {user_id}, who did nothing with it")
    shown = [entry for entry in found if entry["what"].startswith("shown at")]
    told = "; ".join(
        f"{entry['what']}, {entry['occurred_at']:%Y-%m-%d %H:%M}: {entry['reason']}" for entry in found
    )
    if len(shown) == len(found) and all("unexamined" in entry["reason"] for entry in found):
        what = f"{item_id} was shown to {user_id} {len(shown)} times, but nothing shows that they looked: unseen is no dislike"
    else:
        what = (
            f"{user_id} has nothing for or against {item_id}: none of {len(found)} events and showings counts"
        )
    return NoDataError(what, where=told)


def _value(con: duckdb.DuckDBPyConnection, query: str, ident: str) -> Any:
    row = con.execute(query, {"id": ident}).fetchone()
    return row[0] if row else None
