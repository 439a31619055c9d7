"""`revealed simulate`, `revealed ingest`: logs in."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from revealed.commands.output import say, say_json, table
from revealed.errors import UsageError
from revealed.progress import to_stderr
from revealed.settings import Settings

if TYPE_CHECKING:
    from revealed.landing import IngestReport

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else.")]


def ingest(
    path: Annotated[
        Path | None,
        typer.Argument(help="A file or folder. Left out: everything that waits in REVEALED_HOME/landing."),
    ] = None,
    format: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            help="events, inferences, items or users for our own contracts; or an adapter: kuairand, open-bandit.",
        ),
    ] = "",
    mapping: Annotated[
        Path | None,
        typer.Option(help="A TOML or JSON file that says which of your columns is which of ours."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Land logs: check every line against the contract, keep the good ones, set the bad ones aside with a reason.

    A file that has landed before adds nothing. Files are read in place and never changed.

    \b
    Examples:
      revealed ingest events.jsonl.gz --format events
      revealed ingest ./dump --format inferences --mapping ours.toml
      revealed ingest ../kuairand --format kuairand --json
      revealed ingest                       # the landing folder
    """
    from revealed.landing import ingest_landing, ingest_path

    settings = Settings.from_env()
    if path is None:
        report = ingest_landing(settings, progress=to_stderr)
    else:
        report = ingest_path(settings, path, format, mapping=mapping, progress=to_stderr)
    if as_json:
        say_json(report.to_dict())
    else:
        _print_report(report)


def _print_report(report: IngestReport) -> None:
    say(
        f"{report.files:,} files: {report.received:,} lines received = {report.accepted:,} accepted"
        f" + {report.duplicate:,} duplicate + {report.quarantined:,} quarantined"
        + (f" + {report.erased:,} erased" if report.erased else "")
    )
    if report.already_landed:
        say(f"{report.already_landed:,} files had landed before and added nothing")
    if report.still_being_written:
        say(f"{report.still_being_written:,} files are still being written; they are left for the next run")
    if report.reasons:
        rows = [{"reason": reason, "lines": lines} for reason, lines in sorted(report.reasons.items())]
        say("\nquarantined\n" + table(rows))


def simulate(
    days: Annotated[int | None, typer.Option(help="Days of logs, or to live (default: 1).")] = None,
    users: Annotated[int | None, typer.Option(help="People.")] = None,
    items: Annotated[int | None, typer.Option(help="Catalogue size.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed writes the same bytes.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Landing folder to write into (default: REVEALED_HOME/landing).")
    ] = None,
    live: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Write nothing: let this home's people visit this gateway."),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(help="With --live: the gateway's token (default: a passing one of this home's)."),
    ] = None,
    in_flight: Annotated[
        int, typer.Option(min=1, max=1000, help="With --live: requests under way at once.")
    ] = 16,
    as_json: Json = False,
) -> None:
    """Write the logs of an invented but lifelike world, as outside systems would write them; or let its people live.

    Known tastes, known position bias, several surfaces and logging policies with exact propensities, dwell,
    purchases, returns, late, duplicate and malformed lines, bots, visitors who log in. The truth lies beside the
    landing folder, for tests.

    With --live the people of the world in REVEALED_HOME come to a gateway on the days that follow: they ask, look,
    click, skip, buy, and post what they did, some of it late, twice or broken; where the gateway says later, they
    come later. Ctrl-C ends at the next full hour; the next call goes on from there.

    \b
    Examples:
      revealed simulate
      revealed simulate --days 30 --users 2000 --seed 7
      revealed simulate --live http://127.0.0.1:8300 --days 3
    """
    world = {"users": users, "items": items, "seed": seed}
    if live is not None:
        _live(live, token, days, in_flight, {**world, "out": out}, as_json)
        return
    if token is not None:
        raise UsageError("--token is for --live", where="--token", remedy="say which gateway: --live URL")
    _write(out, {**world, "days": days}, as_json)


def _write(out: Path | None, wanted: dict[str, Any], as_json: bool) -> None:
    from revealed.simulation import WorldConfig
    from revealed.simulation import simulate as write_world

    given = {name: value for name, value in wanted.items() if value is not None}
    config = dataclasses.replace(WorldConfig.demo(), **given)
    folder = out or Settings.from_env().landing
    report = write_world(folder, config, progress=to_stderr)
    if as_json:
        say_json(report.to_dict())
    else:
        say(f"wrote {folder}\n" + table([{"what": k, "count": v} for k, v in report.to_dict().items()]))


def _live(
    url: str,
    token: str | None,
    days: int | None,
    in_flight: int,
    others: dict[str, object],
    as_json: bool,
) -> None:
    """Hand over to the live world, which is the one in this home: nothing about it can be chosen again."""
    from revealed.commands.live import live as run_live

    chosen = [f"--{name}" for name, value in others.items() if value is not None]
    if chosen:
        raise UsageError(
            "people live in the world that was written in this home",
            where=", ".join(chosen),
            remedy=f"leave out {', '.join(chosen)}, or write another world into another REVEALED_HOME first",
        )
    if days is not None and days < 1:
        raise UsageError("nobody lives less than a day", where=f"--days {days}", remedy="use 1 or more")
    run_live(url, token, 1 if days is None else days, in_flight, as_json=as_json)
