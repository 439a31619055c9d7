"""A token that lasts as long as the visit, where the gateway's home is at hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from revealed.clock import utc_now
from revealed.gateway.tokens import create_token, revoke_token
from revealed.settings import Settings
from revealed.simulation.live.connection import SCOPES

_DAYS_VALID = 1  # should nobody come to revoke it


@contextmanager
def passing_token(settings: Settings) -> Iterator[str]:
    """Yield a token of this home's gateway that allows what a simulation needs; revoked afterwards.

    Raises:
        LockedError: another process is changing the tokens.
    """
    token, text = create_token(
        settings, source="simulated people", scopes=SCOPES, now=utc_now(), days=_DAYS_VALID
    )
    try:
        yield text
    finally:
        revoke_token(settings, token.id, now=utc_now())
