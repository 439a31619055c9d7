"""`revealed dataset`: the feedback datasets that models are trained on, where they came from, how two differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from revealed.commands.logs import Json
from revealed.commands.output import say, say_json, table
from revealed.settings import Settings

if TYPE_CHECKING:
    from revealed.feedback import DatasetManifest

app = typer.Typer(help="Feedback datasets: list, show, compare, verify.")

Version = Annotated[
    str | None, typer.Argument(help="The version, or its first digits; left out, the newest written.")
]


@app.command("list")
def list_command(as_json: Json = False) -> None:
    """List the datasets that are kept, the oldest as-of first.

    \b
    Examples:
      revealed dataset list
      revealed dataset list --json
    """
    from revealed.feedback import list_datasets

    rows = [_line(manifest) for manifest in list_datasets(Settings.from_env())]
    if as_json:
        say_json({"datasets": rows})
    else:
        say(table(rows) if rows else "(no dataset has been written yet)")


@app.command()
def show(
    version: Version = None,
    sample: Annotated[int, typer.Option(help="Rows to show of each file.", min=0)] = 2,
    as_json: Json = False,
) -> None:
    """Show a dataset: where it came from, its parameters, its files, and a few rows of each.

    Its files are checked against their checksums first.

    \b
    Examples:
      revealed dataset show
      revealed dataset show 3f2a91c04b77 --sample 5
    """
    from revealed.feedback import read_dataset

    settings = Settings.from_env()
    manifest = read_dataset(settings, version)
    samples = {name: _sample(settings, manifest, name, sample) for name in manifest.files} if sample else {}
    if as_json:
        say_json(manifest.to_dict() | {"sample": samples})
    else:
        _print(manifest, samples)


@app.command()
def diff(
    before: Annotated[str, typer.Argument(help="The version to compare from, or its first digits.")],
    after: Annotated[
        str | None, typer.Argument(help="The version to compare with; left out, the newest written.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare two datasets: rows added, removed and changed by key, how confidence moved, and why.

    \b
    Examples:
      revealed dataset diff 3f2a91c04b77
      revealed dataset diff 3f2a 9be0 --json
    """
    from revealed.feedback import compare_datasets, read_dataset

    settings = Settings.from_env()
    found = compare_datasets(settings, read_dataset(settings, before), read_dataset(settings, after))
    if as_json:
        say_json(found)
    else:
        _print_difference(found)


@app.command()
def verify(version: Version = None, as_json: Json = False) -> None:
    """Compare every file of a dataset with its checksum.

    \b
    Examples:
      revealed dataset verify
      revealed dataset verify 3f2a91c04b77 --json
    """
    from revealed.feedback import read_dataset

    manifest = read_dataset(Settings.from_env(), version)
    if as_json:
        say_json({"version": manifest.version, "files": len(manifest.files), "bytes": manifest.bytes})
    else:
        say(f"dataset {manifest.version}: {len(manifest.files)} files whole")


def _line(manifest: DatasetManifest) -> dict[str, Any]:
    return {
        "version": manifest.version,
        "as_of": f"{manifest.as_of:%Y-%m-%d %H:%M}",
        "interactions": manifest.rows,
        "pairs": manifest.rows_of("pairs.parquet"),
        "negatives": manifest.rows_of("negatives.parquet"),
        "policy": manifest.policy_version,
        "bytes": manifest.bytes,
        "audit": _audit(manifest),
    }


def _audit(manifest: DatasetManifest) -> str:
    if not manifest.is_audited:
        return "not audited"
    checks = manifest.audit.get("checks", "?")
    return f"{checks} checks {'passed' if manifest.audit.get('passed') else 'FAILED'}"


def _sample(settings: Settings, manifest: DatasetManifest, name: str, rows: int) -> list[dict[str, Any]]:
    from revealed.engines.duckdb import connect, literal

    con = connect(settings)
    try:
        found = con.execute(f"from read_parquet({literal(manifest.file(name))}) limit {rows}")
        columns = [column[0] for column in found.description or []]
        return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]
    finally:
        con.close()


def _print(manifest: DatasetManifest, samples: dict[str, list[dict[str, Any]]]) -> None:
    facts = {
        "version": manifest.version,
        "as of": f"{manifest.as_of:%Y-%m-%d %H:%M} UTC",
        "policy": manifest.policy_version,
        "warehouse": f"generation {manifest.warehouse.get('generation', '-')}, {_audit(manifest)}",
        "models' digest": manifest.project_digest[:12] or "-",
        "code": manifest.code_revision,
        "source files": f"{manifest.inputs.get('files', '?')}, digest {str(manifest.inputs.get('digest', '-'))[:12]}",
        "split": f"{manifest.split:%Y-%m-%d %H:%M} UTC, gap {manifest.folds.get('gap_days', '?')} days",
        "parameters": manifest.parameters,
        "written at": manifest.created_at,
        "folder": manifest.path,
    }
    for name, value in facts.items():
        say(f"{name:14} {value}")
    files = [
        {"file": name, "rows": entry.rows, "bytes": entry.bytes, "sha256": entry.sha256[:12]}
        for name, entry in sorted(manifest.files.items())
    ]
    say("\n" + table(files))
    for name, rows in samples.items():
        for row in rows:
            say(f"\n{name}")
            say("\n".join(f"  {column:20} {_short(value)}" for column, value in row.items()))


def _short(value: Any, longest: int = 100) -> str:
    text = " / ".join(str(value).splitlines())
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _print_difference(found: dict[str, Any]) -> None:
    say(f"{found['before']} -> {found['after']}")
    for reason in found["because"] or ["written by the same rules from the same files"]:
        say(f"  {reason}")
    columns = ["file", "before", "after", "added", "removed", "changed"]
    other = any("columns" in line for line in found["files"])
    say("\n" + table(found["files"], [*columns, "columns"] if other else columns))
    moved = found["confidence"]
    say(
        f"\nof {moved['pairs']:,} pairs in both, {moved['preference_flipped']:,} changed sides; confidence moved by"
    )
    say(table([moved["change"]]))
    for what in ("people", "items"):
        say(f"{what}: {found[what]['new']:,} new, {found[what]['gone']:,} gone")
