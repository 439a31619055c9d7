"""`revealed simulate --live`: the people of this home's world come to a gateway."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from revealed.commands.output import say, say_json, table
from revealed.progress import to_stderr
from revealed.settings import Settings

if TYPE_CHECKING:
    from revealed.simulation.live import LiveReport

_COLUMNS = (
    "day", "sessions", "requests", "shown", "clicks", "satisfied_clicks_per_session", "articles_per_session",
    "single_article_share", "lines", "accepted", "rejected", "copies", "repeated", "unkept", "late", "retried", "waiting",
)  # fmt: skip


def live(url: str, token: str | None, days: int, in_flight: int, *, as_json: bool) -> None:
    """Live `days` days at the gateway and print what came of each; exit code 130 where somebody stopped it.

    Raises:
        MissingInputError, PlatformError, UsageError: as `simulate_live`.
    """
    import typer

    from revealed.simulation.live import Connection, passing_token, simulate_live

    settings = Settings.from_env()
    with nullcontext(token) if token else passing_token(settings) as text:
        connection = Connection(url.rstrip("/"), text, in_flight=in_flight, progress=to_stderr)
        report = simulate_live(settings, connection, days=days, progress=to_stderr)
    if as_json:
        say_json(report.to_dict())
    else:
        _print(report)
    if not report.is_complete:
        raise typer.Exit(130)


def _print(report: LiveReport) -> None:
    days = [day.to_dict() for day in report.days]
    say(table(days, _COLUMNS))
    requests, lines, seconds = (sum(day[name] for day in days) for name in ("requests", "lines", "seconds"))
    if seconds:
        say(
            f"{requests / seconds:,.0f} requests and {lines / seconds:,.0f} lines a second, client and waits included"
        )
