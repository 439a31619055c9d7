"""Identifiers of what happens live: the people's and items' are the world's, the rest belongs to one run."""

from __future__ import annotations

from revealed.simulation.config import WorldConfig
from revealed.simulation.names import Names


class LiveNames(Names):
    """Names of one run; requests are named by whoever answered them.

    A run has its own events and sessions, so that an hour that is lived again after a kill makes no second event
    with an id that is taken.
    """

    def __init__(self, config: WorldConfig, run: int) -> None:
        super().__init__(config)
        self._scope = f"live-{run}:"
        self._answered: dict[int, str] = {}

    def answered(self, number: int, request_id: str) -> None:
        """Note what the gateway called request `number`."""
        self._answered[number] = request_id

    def event(self, number: int) -> str:
        """Return the event_id of event `number`."""
        return self.hashed("evt", number, self._scope)

    def request(self, number: int) -> str:
        """Return the gateway's name of request `number`, or the other system's own."""
        return self._answered.get(number) or self.hashed("req", number, self._scope)

    def session(self, number: int) -> str:
        """Return the client's session_id of session `number`."""
        return self.hashed("ses", number, self._scope)

    def order(self, number: int) -> str:
        """Return the order_id of order `number`."""
        return self.hashed("ord", number, self._scope)

    def parcel(self, number: int) -> str:
        """Return the Idempotency-Key of parcel `number`."""
        return self.hashed("key", number, self._scope)
