"""`revealed erase`: a person out of everything, for good."""

from __future__ import annotations

import getpass
from typing import Annotated, Any

import typer

from revealed.commands.logs import Json
from revealed.commands.output import say, say_json, table
from revealed.progress import to_stderr
from revealed.settings import Settings


def erase(
    user: Annotated[str, typer.Argument(metavar="USER", help="The user id to erase.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would go; change nothing.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Only search every file for the id; exit 22 if it is found.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    even_unknown: Annotated[
        bool,
        typer.Option("--even-unknown", help="Keep the id out from now on although nobody here knows it."),
    ] = False,
    by: Annotated[str, typer.Option(help="Who asked for it (default: you); stands in the receipt.")] = "",
    as_json: Json = False,
) -> None:
    """Erase a person: logs, quarantine, warehouse, datasets, snapshots, queries, and what reports and databases say.

    The visitor ids that only this person was seen with go too. Afterwards every file under REVEALED_HOME is searched,
    decoded, and a receipt with counts (and no id) is left in erasure/receipts. Lines of the person that come later are
    dropped. There is no way back. Killed half-way: run it again.

    \b
    Examples:
      revealed erase u-4711 --dry-run
      revealed erase u-4711 --yes --by "request 2026-118"
      revealed erase u-4711 --verify
    """
    settings = Settings.from_env()
    if verify:
        _verify(settings, user, as_json)
    elif dry_run:
        _plan(settings, user, as_json)
    else:
        if not yes:
            typer.confirm("Erase this person for good?", abort=True, err=True)
        _erase(settings, user, by or getpass.getuser(), even_unknown, as_json)


def _verify(settings: Settings, user: str, as_json: bool) -> None:
    from revealed.erasure.erase import verify_erased

    files = verify_erased(settings, user, progress=to_stderr)
    if as_json:
        say_json({"files_searched": files, "files_with_the_id": 0})
    else:
        say(f"{files:,} files searched: the id is in none of them")


def _plan(settings: Settings, user: str, as_json: bool) -> None:
    from revealed.erasure.erase import plan_erasure

    found = plan_erasure(settings, user, progress=to_stderr)
    if as_json:
        say_json(found)
        return
    if not found["is_known"]:
        say("nothing here knows this id")
        return
    say(_counts(found["raw"], found["files"]))
    for kind, names in found["versions"].items():
        say(f"{kind:10} {', '.join(names) or 'none'}")


def _erase(settings: Settings, user: str, by: str, even_unknown: bool, as_json: bool) -> None:
    from revealed.erasure.erase import erase as erase_person

    done = erase_person(settings, user, asked_by=by, even_unknown=even_unknown, progress=to_stderr)
    if as_json:
        say_json(done.content | {"receipt": f"erasure/receipts/{done.receipt}.json"})
        return
    say(_counts(done.content["raw"], done.content["files_before"]))
    say(f"{done.content['files_searched']:,} files searched: the ids are in none of them")
    say(f"receipt: erasure/receipts/{done.receipt}.json")


def _counts(raw: dict[str, Any], files: dict[str, Any]) -> str:
    rows = [{"what": f"raw: {name}", "count": count} for name, count in raw.items()]
    return table([*rows, *({"what": f"files in {place}", "count": count} for place, count in files.items())])
