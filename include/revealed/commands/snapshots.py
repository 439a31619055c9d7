"""`revealed snapshot`: what has been published for services, what changed, and the way back."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from revealed.commands.logs import Json
from revealed.commands.output import say, say_json, table
from revealed.progress import to_stderr
from revealed.settings import Settings

app = typer.Typer(
    help="Recommendation snapshots: list, show, compare, verify, publish, roll back; and the rules that they follow."
)

Generation = Annotated[int | None, typer.Argument(help="The generation; left out, the one in service.")]


@app.command("list")
def list_command(as_json: Json = False) -> None:
    """List the snapshots that are kept, newest last.

    \b
    Examples:
      revealed snapshot list
      revealed snapshot list --json
    """
    from revealed.publishing import list_snapshots

    rows = list_snapshots(Settings.from_env())
    if as_json:
        say_json({"snapshots": rows})
    else:
        say(table(rows) if rows else "(no snapshot has been published yet)")


@app.command()
def show(generation: Generation = None, as_json: Json = False) -> None:
    """Show a snapshot: model, dataset, counts, checksums, audit, what changed, and what reading one list costs.

    \b
    Examples:
      revealed snapshot show
      revealed snapshot show 3 --json
    """
    from revealed.publishing import read_snapshot_manifest, reading_cost

    settings = Settings.from_env()
    manifest = read_snapshot_manifest(settings, generation)
    cost = reading_cost(settings, manifest)
    if as_json:
        say_json(manifest.to_dict() | {"one_list": cost})
        return
    for line in _lines(manifest.to_dict()):
        say(line)
    say(
        f"one user's list      {cost['list_bytes']:,} of {cost['file_bytes']:,} bytes, in {cost['reads']} reads;"
        f" {cost['footer_bytes']:,} are the footer, which a service reads once"
    )


@app.command()
def diff(
    old: Annotated[int | None, typer.Argument(help="Left out, what NEW replaced.")] = None,
    new: Annotated[int | None, typer.Argument(help="Left out, the one in service.")] = None,
    as_json: Json = False,
) -> None:
    """Say what changed from one snapshot to another: users, items, lists, coverage, novelty, popularity.

    Rank-biased overlap is 1 where lists are the same and 0 where they share nothing; the first ten places have 86 % of
    the weight.

    \b
    Examples:
      revealed snapshot diff          # the one in service against what it replaced
      revealed snapshot diff 3        # the one in service against 3
      revealed snapshot diff 3 5 --json
    """
    from revealed.publishing import snapshot_difference

    found = snapshot_difference(Settings.from_env(), old, new).to_dict()
    if as_json:
        say_json(found)
        return
    say(f"from generation {found.pop('old')} to {found.pop('new')}")
    for line in _lines(found):
        say(line)


@app.command()
def verify(generation: Generation = None, as_json: Json = False) -> None:
    """Compare every file of a snapshot with its checksum; exits with 13 where one is missing or was changed.

    \b
    Examples:
      revealed snapshot verify
      revealed snapshot verify 3 --json
    """
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
def rollback(
    generation: Generation = None,
    by: Annotated[str, typer.Option("--by", help="Who; left out, the user of this machine.")] = "",
    as_json: Json = False,
) -> None:
    """Put an earlier snapshot back into service (left out: the one that the current one replaced).

    The same model on the same data is not published again until one of them changes.

    \b
    Examples:
      revealed snapshot rollback
      revealed snapshot rollback 3 --json
    """
    from revealed.publishing import rollback_snapshot

    manifest = rollback_snapshot(Settings.from_env(), generation, rolled_back_by=by or getpass.getuser())
    if as_json:
        say_json(manifest.to_dict())
    else:
        say(f"generation {manifest.generation} is in service")


@app.command()
def rules(as_json: Json = False) -> None:
    """Check REVEALED_HOME/rules.toml and show what will be followed: filters, caps, pins, bounds; docs/rules.md has the format.

    \b
    Example:
      revealed snapshot rules
    """
    import msgspec

    from revealed.publishing import read_rules

    found = read_rules(Settings.from_env())
    values = msgspec.to_builtins(found) | {"digest": found.digest}
    if as_json:
        say_json(values)
        return
    for line in _lines(values):
        say(line)


def _lines(values: Mapping[str, Any]) -> list[str]:
    """Return one line a value; of a few numbers by name, one line with all of them."""
    return [f"{name:20} {_short(value)}" for name, value in values.items()]


def _short(value: Any) -> str:
    if isinstance(value, Mapping) and not any(isinstance(entry, Mapping | list) for entry in value.values()):
        return ", ".join(f"{name} {_short(entry)}" for name, entry in value.items()) or "-"
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
