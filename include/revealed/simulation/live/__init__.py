"""The simulated people as clients of a real gateway: they ask, look, act, and send what they did over HTTP."""

from revealed.simulation.live.connection import Connection
from revealed.simulation.live.report import LiveDay, LiveReport
from revealed.simulation.live.run import simulate_live
from revealed.simulation.live.state import read_lived_days, read_next_day
from revealed.simulation.live.token import passing_token

__all__ = [
    "Connection",
    "LiveDay",
    "LiveReport",
    "passing_token",
    "read_lived_days",
    "read_next_day",
    "simulate_live",
]
