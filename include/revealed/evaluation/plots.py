"""The pictures of a comparison for its reviewer: who ranks better, for whom, and what the lists do to the catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from revealed.evaluation.cohort_plot import cohort_plot
from revealed.evaluation.compare import DECISIVE, Comparison
from revealed.evaluation.figures import as_png, colour, new_figure
from revealed.evaluation.loss_plot import loss_plot
from revealed.evaluation.policy_plot import policy_plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "as_png",
    "catalogue_plot",
    "comparison_plots",
    "curves_plot",
    "lift_plot",
    "new_figure",
    "ranking_plot",
]

_SHOWN = ("ndcg@10", "recall@10", "recall@20", "map@10", "mrr@10")


def comparison_plots(
    comparison: Comparison,
    *,
    losses: Mapping[str, Sequence[tuple[int, float]]] | None = None,
    off_policy: Mapping[str, Any] | None = None,
) -> dict[str, bytes]:
    """Return the PNG files by their path inside of the model's folder, those for which there is something to draw.

    Args:
        comparison: of the contenders.
        losses: the training loss after each sweep, by model.
        off_policy: `PolicyValue.to_dict()` of the challenger.
    """
    drawn = {
        "plots/ranking.png": ranking_plot(comparison),
        "plots/catalogue.png": catalogue_plot(comparison),
        "plots/curves.png": curves_plot(comparison) if comparison.curves else b"",
        "plots/cohorts.png": cohort_plot(comparison.cohorts) if comparison.cohorts else b"",
        "plots/popularity.png": lift_plot(comparison) if _lifts(comparison) else b"",
        "plots/loss.png": loss_plot(losses) if losses and any(losses.values()) else b"",
        "plots/off_policy.png": policy_plot(off_policy) if off_policy else b"",
    }
    return {path: picture for path, picture in drawn.items() if picture}


def ranking_plot(comparison: Comparison) -> bytes:
    """Return bars of the ranking metrics, a group a metric, with the interval of the decisive one."""
    figure, (axes,) = new_figure(8.5, 3.8)
    names = list(comparison.metrics)
    width = 0.8 / len(names)
    for at, name in enumerate(names):
        heights = [comparison.metrics[name][metric] for metric in _SHOWN]
        places = [place + (at - (len(names) - 1) / 2) * width for place in range(len(_SHOWN))]
        axes.bar(places, heights, width * 0.92, label=name, color=colour(name))
        low, high = comparison.intervals[name]
        middle = comparison.metrics[name][DECISIVE]
        around = [[max(middle - low, 0.0)], [max(high - middle, 0.0)]]
        axes.errorbar(places[_SHOWN.index(DECISIVE)], middle, yerr=around, color="black", capsize=3)
    axes.set_xticks(range(len(_SHOWN)), _SHOWN)
    axes.set_ylabel("mean over test users")
    axes.set_title(
        f"Ranking for {comparison.users:,} test users (whisker: 95 % interval of {DECISIVE})", pad=10
    )
    figure.legend(frameon=False, loc="outside right upper")
    return as_png(figure)


def curves_plot(comparison: Comparison) -> bytes:
    """Return NDCG@k and Recall@k against k, a line a model, with 95 % bands."""
    figure, panels = new_figure(9.5, 3.8, columns=2)
    for axes, metric, title in zip(panels, ("ndcg", "recall"), ("NDCG@k", "Recall@k"), strict=True):
        for name, curves in comparison.curves.items():
            _line_with_band(axes, name, curves[metric])
        axes.set(xlabel="k, length of the list", ylabel=f"{title}, mean over users")
        axes.set_xticks([1, 5, 10, 15, 20])
        axes.set_ylim(bottom=0)
    figure.suptitle(
        f"How far down the list it is found: {comparison.users:,} test users, bands 95 %", fontsize=11
    )
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, loc="outside right upper")
    return as_png(figure)


def lift_plot(comparison: Comparison) -> bytes:
    """Return a bar a model: how much more popular its items are than those its users chose themselves, in percent."""
    lifts = _lifts(comparison)
    names = list(lifts)[::-1]
    shares = [100 * lifts[name] for name in names]
    figure, (axes,) = new_figure(7.5, 1.6 + 0.34 * len(names))
    bars = axes.barh(names, shares, color=[colour(name) for name in names])
    axes.bar_label(bars, [f"{share:+.0f} %" for share in shares], padding=4, fontsize=9)
    axes.axvline(0, color="black", linewidth=0.8)
    widest = max(*(abs(share) for share in shares), 1.0)
    left = min(shares) - 0.18 * widest if min(shares) < 0 else 0.0
    axes.set_xlim(left, max([*shares, 0.0]) + 0.18 * widest)
    axes.set_xlabel("popularity of ten recommended items against the user's own likes, %")
    axes.set_title("Popularity lift (0: as popular as what people choose themselves)", pad=10)
    return as_png(figure)


def catalogue_plot(comparison: Comparison) -> bytes:
    """Return a bar a model: the share of the catalogue that anybody is shown."""
    names = list(comparison.metrics)[::-1]
    figure, (axes,) = new_figure(8.5, 1.6 + 0.34 * len(names))
    shares = [100 * comparison.metrics[name]["coverage@10"] for name in names]
    bars = axes.barh(names, shares, color=[colour(name) for name in names])
    axes.bar_label(
        bars, [_catalogue_label(comparison.metrics[name]) for name in names], padding=4, fontsize=9
    )
    axes.set_xlim(0, max([*shares, 1.0]) * 2.0)
    axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= 100])
    axes.set_xlabel("items of the catalogue that anybody is shown among ten, %")
    axes.set_title("What the lists do to the catalogue", pad=10)
    return as_png(figure)


def _catalogue_label(found: Mapping[str, float]) -> str:
    words = [f"Gini {found['gini@10']:.3f}", f"novelty {found['novelty@10']:.1f} bit"]
    words += [f"diversity {found['diversity@10']:.2f}"] if "diversity@10" in found else []
    return f"{100 * found['coverage@10']:.1f} %  ({', '.join(words)})"


def _lifts(comparison: Comparison) -> dict[str, float]:
    key = "popularity_lift@10"
    return {name: found[key] for name, found in comparison.metrics.items() if key in found}


def _line_with_band(axes: Axes, name: str, points: Sequence[Any]) -> None:
    depths = range(1, len(points) + 1)
    axes.fill_between(
        depths, [p.low for p in points], [p.high for p in points], color=colour(name), alpha=0.18, linewidth=0
    )
    axes.plot(depths, [p.value for p in points], color=colour(name), label=name)
