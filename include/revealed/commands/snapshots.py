"""`revealed snapshot`: what has been published for services, and the way back."""

from __future__ import annotations

from typing import Annotated

import typer

from revealed.commands.logs import Json
from revealed.commands.output import say, say_json, table
from revealed.progress import to_stderr
from revealed.settings import Settings

app = typer.Typer(help="Recommendation snapshots: list, show, verify, publish, roll back.")

Generation = Annotated[int | None, typer.Argument(help="The generation; left out, the one in service.")]


@app.command("list")
def list_command(as_json: Json = False) -> None:
    """List the snapshots that are kept, newest last."""
    from revealed.publishing import list_snapshots

    rows = list_snapshots(Settings.from_env())
    if as_json:
        say_json({"snapshots": rows})
    else:
        say(table(rows) if rows else "(no snapshot has been published yet)")


@app.command()
def show(generation: Generation = None, as_json: Json = False) -> None:
    """Show a snapshot's manifest: model, dataset, counts, checksums, audit."""
    from revealed.publishing import read_snapshot_manifest

    manifest = read_snapshot_manifest(Settings.from_env(), generation).to_dict()
    if as_json:
        say_json(manifest)
        return
    for name, value in manifest.items():
        say(f"{name:20} {value}")


@app.command()
def verify(generation: Generation = None, as_json: Json = False) -> None:
    """Compare every file of a snapshot with its checksum."""
    from revealed.publishing import verify_snapshot

    checked = verify_snapshot(Settings.from_env(), generation)
    if as_json:
        say_json(checked)
    else:
        say(f"generation {checked['generation']}: {checked['files']} files whole")


@app.command()
def publish(as_json: Json = False) -> None:
    """Publish what the champion recommends on the newest dataset; nothing is written where nothing changed.

    \b
    Example:
      revealed model rollback && revealed snapshot publish
    """
    from revealed.quality.audit_process import audit_process

    with audit_process() as audit:
        from revealed.publishing import publish_snapshot

        manifest = publish_snapshot(Settings.from_env(), audit=audit, progress=to_stderr)
    if as_json:
        say_json(manifest.to_dict())
    else:
        say(f"generation {manifest.generation} is in service, from model version {manifest.model_version}")


@app.command()
def rollback(generation: Generation = None, as_json: Json = False) -> None:
    """Put an earlier snapshot back into service (left out: the one before the current)."""
    from revealed.publishing import rollback_snapshot

    manifest = rollback_snapshot(Settings.from_env(), generation)
    if as_json:
        say_json(manifest.to_dict())
    else:
        say(f"generation {manifest.generation} is in service")
