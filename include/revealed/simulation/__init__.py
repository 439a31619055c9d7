"""The demo world: a seeded population with known tastes, written as the raw logs of outside systems."""

from revealed.simulation.config import WorldConfig
from revealed.simulation.world import SimulationReport, simulate

__all__ = ["SimulationReport", "WorldConfig", "simulate"]
