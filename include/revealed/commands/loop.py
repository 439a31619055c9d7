"""`revealed run`: the loop without Airflow."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from revealed.commands.logs import Json
from revealed.commands.output import say, say_json
from revealed.days import parse_day
from revealed.progress import to_stderr
from revealed.settings import Settings


def run(
    through: Annotated[str, typer.Option(help="The last day that counts, YYYY-MM-DD (UTC).")],
    review: Annotated[
        bool,
        typer.Option("--review", help="Stop before approval: leave the challenger for somebody to look at."),
    ] = False,
    retrain: Annotated[
        bool, typer.Option("--retrain", help="Train also where the champion has seen all but a few days.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Land, build, audit, publish, train, evaluate, approve and publish a snapshot: what the DAGs do, in one process.

    Running this is an approval by you: a challenger that passes the gates becomes champion under your name, unless
    you say --review.

    \b
    Examples:
      revealed run --through 2026-01-21
      revealed run --through 2022-05-08 --review --json
    """
    from revealed.loop import run_loop

    day = parse_day(through, where="--through")
    approver = None if review else f"{getpass.getuser()} (revealed run)"
    report = run_loop(Settings.from_env(), day, approve_as=approver, retrain=retrain, progress=to_stderr)
    if as_json:
        say_json(report.to_dict())
        return
    for name, value in report.to_dict().items():
        say(f"{name:28} {value}")
