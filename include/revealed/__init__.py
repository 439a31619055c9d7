"""Revealed: an implicit-feedback data platform.

Behaviour and inference logs in; trusted feedback, reviewed models and recommendation snapshots out.
"""

__version__ = "0.1.0"
