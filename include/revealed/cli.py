"""`revealed`: every step of the loop as a command, callable without Airflow."""

from __future__ import annotations

import errno
import sys

import typer

from revealed import __version__
from revealed.commands import benchmarks, doctor, logs, loop, platform, reading, snapshots
from revealed.errors import DiskFullError, RevealedError

app = typer.Typer(
    name="revealed",
    help="Implicit feedback you can trust: logs in, reviewed recommendations out.",
    no_args_is_help=True,
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
    doctor.doctor,
    platform.demo,
    platform.up,
    platform.down,
):
    app.command()(command)
app.add_typer(snapshots.app, name="snapshot")
app.add_typer(benchmarks.app, name="bench")


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
    try:
        app()
    except RevealedError as error:
        _refuse(error)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        _refuse(
            DiskFullError(
                "the disk is full", where=str(error.filename or ""), remedy="make room, then run this again"
            )
        )


def _refuse(error: RevealedError) -> None:
    sys.stderr.write(error.describe() + "\n")
    sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
