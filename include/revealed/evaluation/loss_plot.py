"""A picture of the training: the loss after each sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from revealed.evaluation.figures import as_png, colour, new_figure


def loss_plot(losses: Mapping[str, Sequence[tuple[int, float]]]) -> bytes:
    """Return a PNG with a panel a model, for losses of different models have different scales.

    Args:
        losses: (sweep, loss) by model, in the order of the sweeps; models without any are left out.
    """
    from matplotlib.ticker import MaxNLocator

    known = {name: points for name, points in losses.items() if points}
    figure, panels = new_figure(3.6 * len(known) + 0.8, 3.2, columns=len(known))
    for axes, (name, points) in zip(panels, known.items(), strict=True):
        sweeps, values = zip(*points, strict=True)
        axes.plot(sweeps, values, "o-", markersize=3.5, color=colour(name))
        axes.set_xlabel("sweep")
        axes.set_title(f"{name}: {values[0]:.4g} → {values[-1]:.4g}", fontsize=10, pad=8)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        axes.ticklabel_format(axis="y", useOffset=False)
    panels[0].set_ylabel("training loss")
    return as_png(figure)
