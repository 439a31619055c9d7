"""What one gateway process holds, for its routes to share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from revealed.clock import utc_now
from revealed.erasure.tombstones import Tombstones
from revealed.errors import DamagedFileError
from revealed.gateway.idempotency import AnsweredRequests
from revealed.gateway.journal import Journal
from revealed.gateway.limits import DiskWatch, RateLimit
from revealed.gateway.metrics import Metrics, gateway_metrics
from revealed.gateway.refusals import unavailable
from revealed.gateway.sessions import Sessions
from revealed.gateway.tokens import TokenStore
from revealed.settings import Settings


class Service(Protocol):
    """What the GET calls answer from; `recommending` puts one into `Gateway.service` when the gateway starts."""

    @property
    def snapshot_id(self) -> str | None:
        """The generation in service, or None while nothing is published."""


@dataclass
class Gateway:
    """The state of one gateway: `app.state.gateway`.

    Attributes:
        settings: whose home.
        journal: where accepted lines become durable.
        tokens: who may call.
        rates: how much each token may send.
        disk: whether enough is left.
        answered: requests that came with an `Idempotency-Key`.
        sessions: what people said a moment ago.
        metrics: what is counted.
        clock: the present moment, UTC.
        service: what the GET calls answer from.
        on_start: awaited in order when the app starts, before it answers.
        on_stop: awaited in reverse order when the app stops, before the journal is sealed.
    """

    settings: Settings
    journal: Journal
    tokens: TokenStore
    rates: RateLimit
    disk: DiskWatch
    answered: AnsweredRequests = field(default_factory=AnsweredRequests)
    sessions: Sessions = field(default_factory=Sessions)
    metrics: Metrics = field(default_factory=gateway_metrics)
    clock: Callable[[], datetime] = utc_now
    service: Service | None = None
    on_start: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    on_stop: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    _erased: Tombstones | None = None

    def erased(self) -> Tombstones:
        """Return who was erased in this home, as of now; one look at a file's time where nothing has changed.

        Raises:
            HttpRefusal: 503, the list cannot be read: nothing may be let in unchecked.
        """
        try:
            self._erased = Tombstones.load(self.settings, self._erased)
        except DamagedFileError as error:
            raise unavailable(error.what, retry_after=60, code=error.code) from error
        return self._erased

    @classmethod
    def of(cls, settings: Settings, journal: Journal) -> Gateway:
        """Return the state of a gateway that has answered nothing yet."""
        gateway = cls(
            settings,
            journal,
            TokenStore(settings),
            RateLimit(settings.gateway_lines_per_second),
            DiskWatch(settings.home, settings.gateway_free_megabytes << 20),
        )
        journal.on_commit = gateway.count_commit
        return gateway

    def count_commit(self, log: str, size: int, is_durable: bool) -> None:
        """Count one group commit of the journal."""
        outcome = "durable" if is_durable else "failed"
        self.metrics.count("revealed_gateway_journal_commits_total", log=log, outcome=outcome)
        if is_durable:
            self.metrics.count("revealed_gateway_journal_bytes_total", size, log=log)
