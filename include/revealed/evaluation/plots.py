"""Two pictures for the reviewer: who ranks better and how sure that is, and what the lists do to the catalogue."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from revealed.evaluation.compare import DECISIVE, Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SHOWN = ("ndcg@10", "recall@10", "recall@20", "map@10", "mrr@10")
_COLOURS = {"als": "#2a6f97", "popularity": "#9a9a9a", "champion": "#c9822b"}
_OTHER = "#5b8c5a"


def comparison_plots(comparison: Comparison) -> dict[str, bytes]:
    """Return the PNG files by their path inside of the model's folder."""
    return {
        "plots/ranking.png": as_png(_ranking(comparison)),
        "plots/catalogue.png": as_png(_catalogue(comparison)),
    }


def _ranking(comparison: Comparison) -> Figure:
    figure, (axes,) = new_figure(7.5, 3.6)
    names = list(comparison.metrics)
    width = 0.8 / len(names)
    for at, name in enumerate(names):
        heights = [comparison.metrics[name][metric] for metric in _SHOWN]
        places = [place + (at - (len(names) - 1) / 2) * width for place in range(len(_SHOWN))]
        axes.bar(places, heights, width * 0.92, label=name, color=_COLOURS.get(name, _OTHER))
        low, high = comparison.intervals[name]
        middle = comparison.metrics[name][DECISIVE]
        around = [[max(middle - low, 0.0)], [max(high - middle, 0.0)]]
        axes.errorbar(places[_SHOWN.index(DECISIVE)], middle, yerr=around, color="black", capsize=3)
    axes.set_xticks(range(len(_SHOWN)), _SHOWN)
    axes.set_title(f"Ranking of {comparison.users:,} test users (whisker: 95 % interval of {DECISIVE})")
    axes.legend(frameon=False)
    return figure


def _catalogue(comparison: Comparison) -> Figure:
    figure, (axes,) = new_figure(7.5, 2.2 + 0.25 * len(comparison.metrics))
    names = list(comparison.metrics)[::-1]
    shares = [100 * comparison.metrics[name]["coverage@10"] for name in names]
    bars = axes.barh(names, shares, color=[_COLOURS.get(name, _OTHER) for name in names])
    labels = [
        f"{share:.1f} %  (Gini {comparison.metrics[name]['gini@10']:.2f},"
        f" novelty {comparison.metrics[name]['novelty@10']:.1f} bit)"
        for name, share in zip(names, shares, strict=True)
    ]
    axes.bar_label(bars, labels, padding=4, fontsize=9)
    axes.set_xlim(0, max([*shares, 1.0]) * 1.7)
    axes.set_xlabel("items of the catalogue that anybody is shown among ten, %")
    axes.set_title("What the lists do to the catalogue")
    return figure


def new_figure(width: float, height: float, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """Return an empty figure, sizes in inches, and its panels from left to right."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    panels = [figure.add_subplot(1, columns, number + 1) for number in range(columns)]
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
    return figure, panels


def as_png(figure: Figure) -> bytes:
    """Return the picture without the metadata that would make its bytes depend on the library's version."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110, metadata={"Software": None})
    return file.getvalue()
