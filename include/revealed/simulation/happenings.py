"""Everything that happened in a world: what was shown, what came of it, and the events."""

from __future__ import annotations

from dataclasses import dataclass, field

from revealed.exploration.rank_marginals import Floats
from revealed.simulation.behaviour import Outcome
from revealed.simulation.event_log import EventLog
from revealed.simulation.population import World
from revealed.simulation.slates import Slates


@dataclass
class Traffic:
    """Slates with their outcomes in order of serving, the event log, and user embeddings by model version."""

    world: World
    log: EventLog = field(default_factory=EventLog)
    shown: list[tuple[Slates, Outcome]] = field(default_factory=list)
    sessions: int = 0
    requests: int = 0
    embeddings: list[Floats] = field(default_factory=list)
