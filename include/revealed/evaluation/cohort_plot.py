"""A picture of the cohorts: whom each model serves, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from revealed.evaluation.cohorts import DECISIVE, Cohort
from revealed.evaluation.figures import as_png, colour, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIDES = {"user": "users, by their likes in training", "item": "items, by who liked them in training"}


def cohort_plot(cohorts: Sequence[Cohort]) -> bytes:
    """Return a PNG with a panel for users and one for items: a point a model and cohort, with its 95 % interval."""
    sides = [side for side in _SIDES if any(cohort.side == side for cohort in cohorts)]
    figure, panels = new_figure(4.6 * len(sides) + 1.2, 3.9, columns=len(sides))
    for axes, side in zip(panels, sides, strict=True):
        _panel(axes, [cohort for cohort in cohorts if cohort.side == side])
        axes.set_title(_SIDES[side], fontsize=10, pad=8)
    panels[0].set_ylabel(f"{DECISIVE}, mean over the cohort's users")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, loc="outside right upper")
    return as_png(figure)


def _panel(axes: Axes, cohorts: Sequence[Cohort]) -> None:
    names = list(cohorts[0].metrics)
    step = 0.8 / len(names)
    for at, name in enumerate(names):
        places = [place + (at - (len(names) - 1) / 2) * step for place in range(len(cohorts))]
        heights = [cohort.metrics[name][DECISIVE] for cohort in cohorts]
        below = [max(h - cohort.intervals[name][0], 0.0) for h, cohort in zip(heights, cohorts, strict=True)]
        above = [max(cohort.intervals[name][1] - h, 0.0) for h, cohort in zip(heights, cohorts, strict=True)]
        axes.bar(places, heights, step * 0.92, color=colour(name), label=name)
        axes.errorbar(
            places, heights, yerr=[below, above], fmt="none", ecolor="black", capsize=2.5, linewidth=1
        )
    axes.set_xticks(range(len(cohorts)), [f"{c.name}\n{c.users:,} users" for c in cohorts])
    axes.set_ylim(bottom=0)
