"""Clicks with the truth behind them: what reading, reacting and buying are drawn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from revealed.exploration.rank_marginals import Floats, Ints
from revealed.simulation.population import Bools


@dataclass(frozen=True)
class Clicks:
    """One entry a click, with the truth that its consequences depend on."""

    person: Ints
    session: Ints
    item: Ints
    request: Ints
    logged: Bools
    position: Ints
    surface: int
    at_ms: Ints
    dwell_ms: Ints
    satisfaction: Floats

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.person)

    def where(self, rows: Bools) -> dict[str, object]:
        """Return the event columns that consequences of these clicks share, as the client reports them."""
        logged = self.logged[rows]
        return {
            "person": self.person[rows],
            "session": self.session[rows],
            "item": self.item[rows],
            "cause_request": self.request[rows],
            "request_logged": logged,
            "position": np.where(logged, self.position[rows], 0),
            "surface": self.surface,
        }
