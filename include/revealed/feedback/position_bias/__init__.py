"""How likely people look at each position: the curve, its intervals, and when there is none to be had."""

from __future__ import annotations

from revealed.feedback.position_bias.curve import Curve
from revealed.feedback.position_bias.examination import CURVE_SCHEMA, examination_curves
from revealed.feedback.position_bias.hajek import WeightSums, hajek_curve
from revealed.feedback.position_bias.limits import Limits
from revealed.feedback.position_bias.score_order import split_by_score
from revealed.feedback.position_bias.two_way import CellCounts, two_way_curve

__all__ = [
    "CURVE_SCHEMA",
    "CellCounts",
    "Curve",
    "Limits",
    "WeightSums",
    "examination_curves",
    "hajek_curve",
    "split_by_score",
    "two_way_curve",
]
