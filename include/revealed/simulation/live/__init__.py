"""The simulated people as clients of a real gateway: they ask, look, act, and send what they did over HTTP."""

from revealed.simulation.live.report import LiveDay, LiveReport
from revealed.simulation.live.run import simulate_live

__all__ = ["LiveDay", "LiveReport", "simulate_live"]
