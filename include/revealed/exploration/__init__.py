"""Showing something else than the best on purpose, with known probabilities: what serving, simulation and evaluation share."""
