"""A picture of an off-policy evaluation: what each estimator says, how sure it is, and which refused."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from revealed.evaluation.figures import COLOURS, as_png, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ESTIMATED = "estimated"
_REFUSED = "#a33b3b"
_TITLE_WIDTH = 70


def policy_plot(found: Mapping[str, Any]) -> bytes:
    """Return a PNG, a row an estimator: its estimate with the 95 % interval, beside what the logging policy earned.

    Args:
        found: `PolicyValue.to_dict()`.
    """
    rows = [found["logging"], *found["estimators"]]
    figure, (axes,) = new_figure(8.5, 1.7 + 0.36 * len(rows))
    for place, row in enumerate(rows):
        _row(axes, place, row)
    if found["logging"]["estimate"] is not None:
        axes.axvline(found["logging"]["estimate"], color=COLOURS["popularity"], linestyle=":", linewidth=1.2)
    axes.set_yticks(range(len(rows)), [str(row["estimator"]) for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel("reward a shown item (whisker: 95 % interval; dotted: the logging policy)")
    verdict = found["verdict"] if found["verdict"] == _ESTIMATED else "refused: do not decide by this"
    named = wrap(f"Off-policy value of {found['target']}", _TITLE_WIDTH)
    axes.set_title("\n".join([*named, verdict]), pad=10)
    return as_png(figure)


def _row(axes: Axes, place: int, row: Mapping[str, Any]) -> None:
    if row["estimate"] is None:
        axes.text(0.02, place, "refused", transform=axes.get_yaxis_transform(), color=_REFUSED, va="center")
        return
    below, above = row["estimate"] - row["ci_low"], row["ci_high"] - row["estimate"]
    axes.errorbar(
        row["estimate"],
        place,
        xerr=[[max(below, 0.0)], [max(above, 0.0)]],
        fmt="o",
        capsize=3,
        color=COLOURS["als"] if place else COLOURS["popularity"],
    )
