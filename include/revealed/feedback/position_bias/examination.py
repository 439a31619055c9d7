"""From the warehouse's sums to one curve a surface: Hájek where propensities carry it, else cells, else a reason."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from revealed.feedback.position_bias.curve import Curve, Evidence, Floats, Ints, refused_curve, totals
from revealed.feedback.position_bias.hajek import WeightSums, hajek_curve
from revealed.feedback.position_bias.limits import Limits
from revealed.feedback.position_bias.score_order import falls_with_position, split_by_score
from revealed.feedback.position_bias.two_way import CellCounts, two_way_curve

ReadCells = Callable[[list[str]], pa.Table]

CURVE_SCHEMA = pa.schema(
    [
        ("moment", pa.timestamp("us")),
        ("surface", pa.string()),
        ("position", pa.int32()),
        ("examination", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("method", pa.string()),
        ("reason", pa.string()),
        ("basis", pa.string()),
        ("clicks", pa.int64()),
        ("impressions", pa.int64()),
        ("naive_ctr_ratio", pa.float64()),
        ("used_clicks", pa.int64()),
        ("ess", pa.float64()),
    ]
)

_KEYS = ("moment", "surface", "model_name", "policy", "actor_group", "position")
_DIGITS = 6
_CONTEXTS = {"named": "logged context clusters", "score": "people by score level", "query": "queries"}


def examination_curves(weights: pa.Table, read_cells: ReadCells, limits: Limits | None = None) -> pa.Table:
    """Return one row per moment, surface and position, `CURVE_SCHEMA`, in that order.

    Args:
        weights: `int_position_weights`: sums by moment, surface, model, policy, group of people and position.
        read_cells: returns `int_position_cells` of some surfaces; asked once, for those whose propensities do not do.
        limits: thresholds; see `Limits`.
    """
    limits = limits or Limits()
    # Threads hand rows over in any order, and sums of doubles remember theirs.
    weights = weights.sort_by([(name, "ascending") for name in _KEYS])
    keys = sorted(set(zip(weights["moment"].to_pylist(), weights["surface"].to_pylist(), strict=True)))
    surfaces = [_Surface(key, _of(weights, key)) for key in keys]
    first = [_without_cells(surface, limits) for surface in surfaces]
    open_ones = sorted({s.key[1] for s, curve in zip(surfaces, first, strict=True) if _may_improve(curve)})
    cells = read_cells(open_ones) if open_ones else None
    rows: list[dict[str, Any]] = []
    for surface, curve in zip(surfaces, first, strict=True):
        if cells is not None and _may_improve(curve):
            curve = _better(curve, _by_cells(_of(cells, surface.key), surface.evidence, limits))
        rows += _rows(surface, curve)
    return pa.Table.from_pylist(rows, schema=CURVE_SCHEMA)


class _Surface:
    """One surface at one moment: its sums, and what was shown and clicked on it by position."""

    def __init__(self, key: tuple[datetime, str], weights: pa.Table) -> None:
        self.key = key
        self.weights = weights
        positions, place = np.unique(_ints(weights, "position"), return_inverse=True)
        impressions = totals(place, _floats(weights, "impressions"), len(positions))
        clicks = totals(place, _floats(weights, "clicks"), len(positions))
        self.evidence = Evidence(positions, clicks, impressions, impressions, "")


def _of(table: pa.Table, key: tuple[datetime, str]) -> pa.Table:
    return table.filter(pc.and_(pc.equal(table["moment"], key[0]), pc.equal(table["surface"], key[1])))


def _without_cells(surface: _Surface, limits: Limits) -> Curve:
    """The curve by propensities, or a refusal that nothing else could lift (method refused)."""
    positions = surface.evidence.positions
    if positions[0] != 1:
        nowhere = "nothing is shown at position 1, to which others are compared"
        return refused_curve("refused", surface.evidence, nowhere)
    if len(positions) == 1:
        alone = "every request shows one item, at position 1: there is no other position to compare with"
        return refused_curve("refused", surface.evidence, alone)
    return _by_propensity(surface.weights, positions, limits)


def _may_improve(curve: Curve) -> bool:
    return curve.method != "refused" and not curve.is_whole


def _better(hajek: Curve, poisson: Curve) -> Curve:
    """The curve that knows more positions, or both refusals."""
    better = poisson if poisson.estimated.sum() > hajek.estimated.sum() else hajek
    if better.estimated.any():
        return better
    reasons = f"by propensities: {hajek.reasons[0]}. By cells: {poisson.reasons[0]}"
    everything = Evidence(hajek.positions, poisson.clicks, poisson.impressions, poisson.ess, "")
    return refused_curve("refused", everything, reasons)


def _rows(surface: _Surface, curve: Curve) -> list[dict[str, Any]]:
    shown = surface.evidence
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = shown.clicks / shown.impressions
        naive = rate / rate[0] if shown.positions[0] == 1 else np.full(len(rate), np.nan)
    return [
        {
            "moment": surface.key[0],
            "surface": surface.key[1],
            "position": int(position),
            "examination": _number(curve.examination[n]),
            "ci_low": _number(curve.ci_low[n]),
            "ci_high": _number(curve.ci_high[n]),
            "method": "refused" if curve.reasons[n] else curve.method,
            "reason": curve.reasons[n],
            "basis": curve.basis or None,
            "clicks": int(shown.clicks[n]),
            "impressions": int(shown.impressions[n]),
            "naive_ctr_ratio": _number(naive[n]),
            "used_clicks": int(curve.clicks[n]),
            "ess": _number(curve.ess[n]),
        }
        for n, position in enumerate(shown.positions)
    ]


def _by_propensity(weights: pa.Table, positions: Ints, limits: Limits) -> Curve:
    logged = weights.filter(pc.greater(weights["logged_impressions"], 0))
    deciders = [
        f"{m} {p}"
        for m, p in zip(logged["model_name"].to_pylist(), logged["policy"].to_pylist(), strict=True)
    ]
    names, policy = np.unique(np.array(deciders, dtype=str), return_inverse=True)
    sums = WeightSums(
        policy=policy,
        group=_ints(logged, "actor_group"),
        position=_ints(logged, "position"),
        impressions=_floats(logged, "logged_impressions"),
        clicks=_floats(logged, "logged_clicks"),
        weight=_floats(logged, "weight"),
        squared_weight=_floats(logged, "squared_weight"),
        max_weight=_floats(logged, "max_weight"),
        clicked_weight=_floats(logged, "clicked_weight"),
        clicked_squared_weight=_floats(logged, "clicked_squared_weight"),
    )
    return hajek_curve(sums, positions, tuple(str(name) for name in names), limits)


def _by_cells(cells: pa.Table, everything: Evidence, limits: Limits) -> Curve:
    known = cells.filter(pc.not_equal(cells["context"], "none")).sort_by(
        [("context", "ascending"), ("cell", "ascending"), ("position", "ascending")]
    )
    kinds = sorted(set(known["context"].to_pylist()))
    if not kinds:
        return refused_curve("poisson", everything, _no_context(cells))
    by_score = pc.equal(known["context"], "score")
    scored = known.filter(by_score)
    if scored.num_rows and not falls_with_position(
        _ints(scored, "position"), _floats(scored, "score_level"), _floats(scored, "impressions")
    ):
        return refused_curve(
            "poisson",
            everything,
            "the logged score does not fall with the position: it is not what the ranker sorts by, and the log names"
            " no context cluster",
        )
    cell = _ints(known, "cell")
    counts = CellCounts(
        cell=cell,
        position=_ints(known, "position"),
        impressions=_floats(known, "impressions"),
        clicks=_floats(known, "clicks"),
        comparison=split_by_score(cell, _floats(known, "score_low"), _floats(known, "score_high")),
    )
    basis = " and ".join(_CONTEXTS[kind] for kind in kinds)
    return two_way_curve(counts, everything.positions, basis, limits)


def _no_context(cells: pa.Table) -> str:
    if cells.num_rows:
        return (
            "the log names no context cluster, score or query; by item alone a personalised ranker's curve is far off"
            " (78 % in simulation)"
        )
    return "no cell that was clicked was shown at two positions"


def _ints(table: pa.Table, name: str) -> Ints:
    return np.asarray(table[name].to_numpy(), dtype=np.int64)


def _floats(table: pa.Table, name: str) -> Floats:
    return np.asarray(table[name].to_numpy(), dtype=np.float64)


def _number(value: float) -> float | None:
    """Six places: more are noise, and the last bits of an exponential differ between processors."""
    return round(float(value), _DIGITS) if np.isfinite(value) else None
