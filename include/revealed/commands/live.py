"""`revealed simulate --live`: the people of this home's world come to a gateway."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from revealed.clock import utc_now
from revealed.commands.output import say, say_json, table
from revealed.progress import to_stderr
from revealed.settings import Settings

if TYPE_CHECKING:
    from revealed.simulation.live import LiveReport

_COLUMNS = (
    "day", "sessions", "requests", "shown", "clicks", "satisfied_clicks_per_session", "articles_per_session",
    "single_article_share", "lines", "accepted", "rejected", "copies", "late", "retried", "waiting",
)  # fmt: skip
_DAYS_VALID = 1


def live(url: str, token: str | None, days: int, in_flight: int, *, as_json: bool) -> None:
    """Live `days` days at the gateway and print what came of each; exit code 130 where somebody stopped it.

    Raises:
        MissingInputError, PlatformError, UsageError: as `simulate_live`.
    """
    import typer

    from revealed.simulation.live import simulate_live
    from revealed.simulation.live.connection import Connection

    settings = Settings.from_env()
    with _token(settings, token) as text:
        connection = Connection(url.rstrip("/"), text, in_flight=in_flight, progress=to_stderr)
        report = simulate_live(settings, connection, days=days, progress=to_stderr)
    if as_json:
        say_json(report.to_dict())
    else:
        _print(report)
    if not report.is_complete:
        raise typer.Exit(130)


@contextmanager
def _token(settings: Settings, given: str | None) -> Iterator[str]:
    """Yield the token to use: the given one, or one of this home's gateway, taken back afterwards."""
    if given:
        yield given
        return
    from revealed.gateway.tokens import create_token, revoke_token
    from revealed.simulation.live.connection import SCOPES

    token, text = create_token(
        settings, source="simulated people", scopes=SCOPES, now=utc_now(), days=_DAYS_VALID
    )
    try:
        yield text
    finally:
        revoke_token(settings, token.id, now=utc_now())


def _print(report: LiveReport) -> None:
    days = [day.to_dict() for day in report.days]
    say(table(days, _COLUMNS))
    requests, lines, seconds = (sum(day[name] for day in days) for name in ("requests", "lines", "seconds"))
    if seconds:
        say(
            f"{requests / seconds:,.0f} requests and {lines / seconds:,.0f} lines a second, client and waits included"
        )
