"""A picture of position curves: what people look at, how sure that is, and what click rates alone would say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from revealed.evaluation.figures import as_png, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class PlottedCurve:
    """One surface: a value, interval and click-rate ratio a position; `truth` where it is known (simulations)."""

    positions: Sequence[int]
    examination: Sequence[float]
    ci_low: Sequence[float]
    ci_high: Sequence[float]
    naive: Sequence[float]
    method: str
    truth: Sequence[float] | None = None


def position_plot(curves: Mapping[str, PlottedCurve]) -> bytes:
    """Return a PNG, one panel a surface in the order given; nothing in it depends on the clock."""
    figure, panels = new_figure(3.1 * len(curves) + 0.6, 3.3, columns=len(curves))
    for axes, (surface, curve) in zip(panels, curves.items(), strict=True):
        _panel(axes, surface, curve)
    panels[0].set_ylabel("looked at, relative to position 1")
    panels[0].legend(frameon=False, fontsize=8)
    return as_png(figure)


def _panel(axes: Axes, surface: str, curve: PlottedCurve) -> None:
    axes.plot(curve.positions, curve.naive, ":", color="#9a9a9a", label="click rate alone")
    if curve.truth is not None:
        axes.plot(curve.positions, curve.truth, "-", color="#c9822b", linewidth=1.2, label="planted truth")
    below = [value - low for value, low in zip(curve.examination, curve.ci_low, strict=True)]
    above = [high - value for value, high in zip(curve.examination, curve.ci_high, strict=True)]
    axes.errorbar(
        curve.positions,
        curve.examination,
        yerr=[below, above],
        fmt="o",
        markersize=4,
        capsize=2.5,
        color="#2a6f97",
        label="estimate, 95 % interval",
    )
    axes.set_ylim(bottom=0)
    axes.set_xticks(list(curve.positions))
    axes.set_xlabel("position")
    axes.set_title(f"{surface} ({curve.method})", fontsize=10)
