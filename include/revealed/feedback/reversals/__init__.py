"""Reversals: what a return, a cancel, an un-save or an undo takes back of what was done before."""

from __future__ import annotations

from revealed.feedback.reversals.allocation import allocate_reversals

__all__ = ["allocate_reversals"]
