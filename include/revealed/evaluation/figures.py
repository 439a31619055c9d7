"""What every picture shares: the figure, its bytes, and one colour a model wherever it appears."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {
    "als": "#2a6f97",
    "ials": "#4c3a8f",
    "bpr": "#b0455b",
    "content": "#3d8168",
    "recency": "#7a5a3c",
    "popularity": "#8c8c8c",
    "champion": "#d08a2e",
}
_OTHERS = ("#5b8c5a", "#a05eb5", "#008c95", "#c2185b")


def colour(name: str) -> str:
    """Return the model's colour; the same for the same name in every picture."""
    return COLOURS.get(name) or _OTHERS[sum(name.encode()) % len(_OTHERS)]


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
