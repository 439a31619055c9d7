"""`revealed`: every step of the loop as a command, callable without Airflow."""

from __future__ import annotations

import gc
import sys

import typer

from revealed import __version__
from revealed.commands import (
    benchmarks,
    bias,
    datasets,
    doctor,
    erasure,
    evaluate,
    explain,
    gateway,
    logs,
    loop,
    models,
    platform,
    queries,
    reading,
    reward,
    snapshots,
    warehouse,
    why,
)
from revealed.commands.refusal import as_refusal, refuse

app = typer.Typer(
    name="revealed",
    help="Implicit feedback you can trust: logs in, reviewed recommendations out.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

for command in (
    logs.simulate,
    logs.ingest,
    loop.run,
    reading.recommend,
    reading.sql,
    bias.bias,
    queries.queries,
    why.why,
    explain.explain,
    doctor.doctor,
    erasure.erase,
    platform.demo,
    platform.up,
    platform.down,
):
    app.command()(command)
app.add_typer(datasets.app, name="dataset")
app.add_typer(snapshots.app, name="snapshot")
app.add_typer(warehouse.app, name="warehouse")
app.add_typer(models.app, name="model")
app.add_typer(reward.app, name="reward")
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(benchmarks.app, name="bench")
app.add_typer(gateway.app, name="gateway")


# Importing MLflow and Great Expectations makes a million objects that stay: looking through them for garbage again and again
# is a second of a short command, and another at its end.
_OBJECTS_BETWEEN_COLLECTIONS = 500_000


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Implicit feedback you can trust: logs in, reviewed recommendations out."""


def main() -> None:
    """Run the command; a refusal prints what, where and what to do, and exits with its own code."""
    words = sys.argv[1:]
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    try:
        code = app(words or ["--help"], standalone_mode=False)
    except typer.Abort:
        code = 1
    except Exception as error:
        refusal = as_refusal(error)
        if refusal is None:
            raise
        code = refuse(refusal, as_json="--json" in words)
    if "irspack" not in sys.modules:  # which complains of what is not collected
        gc.freeze()
    sys.exit(code)


if __name__ == "__main__":
    main()
