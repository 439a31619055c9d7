"""What one gateway process holds, for its routes to share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from revealed.clock import utc_now
from revealed.gateway.sessions import Sessions
from revealed.gateway.tokens import TokenStore
from revealed.settings import Settings

if TYPE_CHECKING:
    from revealed.gateway.journal import Journal


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
        sessions: what people said a moment ago.
        clock: the present moment, UTC.
        service: what the GET calls answer from.
        on_start: awaited in order when the app starts, before it answers.
        on_stop: awaited in order when the app stops, before the journal is sealed.
    """

    settings: Settings
    journal: Journal
    tokens: TokenStore
    sessions: Sessions = field(default_factory=Sessions)
    clock: Callable[[], datetime] = utc_now
    service: Service | None = None
    on_start: list[Callable[[], Any]] = field(default_factory=list)
    on_stop: list[Callable[[], Any]] = field(default_factory=list)
