"""`revealed model`: which models there are, what speaks for them, and who decides."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from typing import Annotated, Any

import typer

from revealed.commands.logs import Json
from revealed.commands.output import say, say_json, table
from revealed.progress import to_stderr
from revealed.settings import Settings

app = typer.Typer(help="Models: list, compare, approve, reject, roll back, and who decided what.")

Version = Annotated[str, typer.Argument(help="A version's number, or an alias.")]
Note = Annotated[str, typer.Option(help="Why; kept with the decision.")]
By = Annotated[str, typer.Option("--by", help="Who decides; left out, the user of this machine.")]

_LISTED = ("version", "aliases", "decision", "decided_by", "as_of", "model", "summary")
_TOLD = (
    "decided_at",
    "decision",
    "version",
    "decided_by",
    "gates",
    "champion_before",
    "champion_after",
    "note",
)


@app.command("list")
def list_command(as_json: Json = False) -> None:
    """List the registered versions, the newest first: what they scored, who holds an alias, who decided.

    \b
    Example:
      revealed model list
    """
    rows = _versions(Settings.from_env())
    if as_json:
        say_json({"versions": rows})
    else:
        say(table(rows, _LISTED) if rows else "(no model has been registered yet)")


@app.command()
def train(
    dataset: Annotated[str | None, typer.Option(help="A dataset's version; left out, the newest.")] = None,
    fit: Annotated[str, typer.Option(help="full, refresh (two sweeps from the champion), or auto.")] = "auto",
    trials: Annotated[
        int, typer.Option(help="Of a search for each contender's parameters; it goes on if stopped.")
    ] = 0,
    contender: Annotated[
        list[str] | None, typer.Option(help="Who competes: als, ials, bpr, content, recency. Repeat it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a challenger, compare it with the champion and the baselines, and register it for review.

    \b
    Examples:
      revealed model train
      revealed model train --fit full --trials 20
      revealed model train --contender als --contender bpr
    """
    from revealed.training import TrainingRequest, train_challenger

    settings = Settings.from_env()
    request = TrainingRequest.of(settings, contenders=contender or (), trials=trials, fit=fit)
    found = train_challenger(settings, dataset, request=request, progress=to_stderr)
    if as_json:
        say_json(found.to_dict())
    else:
        say(f"version {found.version}: {found.because}\nreview it: revealed model compare {found.version}")


@app.command()
def compare(version: Version = "challenger", as_json: Json = False) -> None:
    """Show a version beside the champion and popularity on the same test users, and every gate.

    \b
    Examples:
      revealed model compare
      revealed model compare 3 --json
    """
    from revealed.registry import assess_challenger

    found = assess_challenger(Settings.from_env(), version)
    if as_json:
        say_json(found.to_dict())
    else:
        say(found.markdown)


@app.command()
def approve(
    version: Version = "challenger",
    note: Note = "",
    by: By = "",
    force: Annotated[
        bool, typer.Option("--force", help="Although a gate failed; the record says so.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Put a version in service: it becomes the champion, and the next snapshot is published from it.

    \b
    Examples:
      revealed model approve --note "better for newcomers"
      revealed model approve 4 --force --note "the champion's data was wrong"
    """
    from revealed.registry import promote

    found = promote(Settings.from_env(), version, by or getpass.getuser(), note, force=force)
    _say_champion(found.version, as_json=as_json)


@app.command()
def reject(version: Version = "challenger", note: Note = "", by: By = "", as_json: Json = False) -> None:
    """Turn a version down; the gates refuse the same model from then on, also when it is trained again.

    \b
    Example:
      revealed model reject --note "recommends what is sold out"
    """
    from revealed import registry

    found = registry.reject(Settings.from_env(), version, by or getpass.getuser(), note)
    if as_json:
        say_json({"rejected": found.version})
    else:
        say(f"version {found.version} is rejected; the champion stays")


@app.command()
def rollback(
    note: Note = "",
    by: By = "",
    publish: Annotated[
        bool, typer.Option("--publish", help="Publish its recommendations at once, in the same seconds.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Put the previous champion back in service; the next snapshot is published from it.

    \b
    Examples:
      revealed model rollback --note "click rate fell by a third"
      revealed model rollback --publish --note "complaints"
    """
    settings, who = Settings.from_env(), by or getpass.getuser()
    if publish:
        _rollback_and_publish(settings, who, note, as_json=as_json)
        return
    from revealed.registry import rollback_champion

    _say_champion(rollback_champion(settings, who, note).version, as_json=as_json)


@app.command()
def history(as_json: Json = False) -> None:
    """Show every decision about a model, the oldest first: who, when, why, and what was in service before and after."""
    from revealed.registry import list_decisions

    rows = [asdict(found) for found in list_decisions(Settings.from_env())]
    if as_json:
        say_json({"decisions": rows})
    else:
        say(table(rows, _TOLD) if rows else "(nobody has decided about a model yet)")


def _say_champion(version: str, *, as_json: bool) -> None:
    if as_json:
        say_json({"champion": version})
    else:
        say(
            f"version {version} is champion; publish it with the DAG publish_recommendations, or `revealed snapshot publish`"
        )


def _rollback_and_publish(settings: Settings, who: str, note: str, *, as_json: bool) -> None:
    from revealed.quality.audit_process import audit_process

    with audit_process() as audit:
        from revealed.publishing import publish_snapshot
        from revealed.registry import rollback_champion

        champion = rollback_champion(settings, who, note).version
        snapshot = publish_snapshot(settings, audit=audit, progress=to_stderr)
    if as_json:
        say_json({"champion": champion, "generation": snapshot.generation})
    else:
        say(
            f"version {champion} is champion, and snapshot generation {snapshot.generation} is in service from it"
        )


def _versions(settings: Settings) -> list[dict[str, Any]]:
    from revealed.registry import list_versions

    rows = []
    for found in list_versions(settings):
        tags = {
            name: found.tags.get(name, "")
            for name in ("decided_by", "decided_at", "as_of", "model", "model_id", "summary")
        }
        aliases = ", ".join(found.aliases)
        rows.append({"version": found.version, "aliases": aliases, "decision": found.decision or ""} | tags)
    return rows
