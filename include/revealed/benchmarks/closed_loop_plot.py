"""The picture of the closed-loop experiment: three figures over the days, a line an arm, a band for the seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from revealed.benchmarks.closed_loop_arms import EXPLORING, GREEDY, IGNORED, ORACLE, STATIC
from revealed.benchmarks.closed_loop_world import DAYS_A_GENERATION, WARM_UP_DAYS
from revealed.evaluation.figures import as_png, colour, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PANELS = {
    "engagement": "satisfied reads a session (truth)",
    "articles": "articles a session",
    "single": "share of single-article sessions",
}
_COLOURS = {
    STATIC.name: "#8c8c8c",
    EXPLORING.name: "#2a6f97",
    GREEDY.name: "#b0455b",
    IGNORED.name: "#d08a2e",
    ORACLE.name: "#3d8168",
}


def closed_loop_plot(rows: Sequence[dict[str, Any]]) -> bytes:
    """Return a PNG of `rows` (`bench_loop`'s: one a seed, arm and generation); nothing in it depends on the clock."""
    figure, panels = new_figure(12.5, 3.9, columns=len(_PANELS))
    for axes, (name, label) in zip(panels, _PANELS.items(), strict=True):
        _panel(axes, rows, name)
        axes.set_title(label, fontsize=10)
        axes.set_xlabel("day of the experiment")
    panels[0].set_ylim(bottom=0)
    panels[2].set_ylim(0, 1)
    panels[0].legend(frameon=False, fontsize=8)
    return as_png(figure)


def _panel(axes: Axes, rows: Sequence[dict[str, Any]], figure: str) -> None:
    for arm in dict.fromkeys(row["arm"] for row in rows):
        generations = sorted({row["generation"] for row in rows if row["arm"] == arm})
        values = [
            [row[figure] for row in rows if (row["arm"], row["generation"]) == (arm, at)]
            for at in generations
        ]
        days = [WARM_UP_DAYS + at * DAYS_A_GENERATION for at in generations]
        ink = _COLOURS.get(arm) or colour(arm)
        axes.plot(
            days, [sum(found) / len(found) for found in values], "o-", markersize=3, color=ink, label=arm
        )
        axes.fill_between(
            days, [min(found) for found in values], [max(found) for found in values], color=ink, alpha=0.15
        )
    axes.axvline(WARM_UP_DAYS, color="#c0c0c0", linestyle=":", linewidth=1)
