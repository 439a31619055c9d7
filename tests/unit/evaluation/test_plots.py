"""The pictures show what the comparison holds: as many as there is something to draw, and the right lengths in them."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.sparse import csr_matrix

from revealed.evaluation import Comparison, Contender, History, compare, plots
from revealed.evaluation.cohort_plot import cohort_plot
from revealed.evaluation.figures import COLOURS, colour
from revealed.evaluation.loss_plot import loss_plot
from revealed.evaluation.plots import comparison_plots, curves_plot, lift_plot
from revealed.evaluation.policy_plot import policy_plot

LOSSES = {"als": [(1, 4.0), (2, 2.0), (3, 1.5)], "popularity": []}


def comparison() -> Comparison:
    random = np.random.default_rng(3)
    feedback = csr_matrix((random.random((80, 60)) < 0.15).astype(np.float32))
    relevance = csr_matrix((random.random((40, 60)) < 0.1).astype(np.float32))
    lists = [
        Contender(name, np.stack([random.permutation(60)[:20] for _ in range(40)]).astype(np.int32))
        for name in ("als", "popularity", "champion")
    ]
    likes = np.asarray((feedback > 0).sum(axis=0), dtype=np.int64).ravel()
    return compare(lists, relevance, likes, 80, history=History(feedback, np.arange(40)))


def policy_value(**changes: Any) -> dict[str, Any]:
    rows = [
        {"estimator": name, "verdict": "estimated", "estimate": 0.5, "ci_low": 0.4, "ci_high": 0.7}
        for name in ("logging", "ips", "dr")
    ]
    rows[1] |= {"verdict": "refused", "estimate": None, "ci_low": None, "ci_high": None}
    return {"target": "t", "verdict": "estimated", "logging": rows[0], "estimators": rows[1:]} | changes


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Every figure that was saved, to look into."""
    saved, real = [], Figure.savefig

    def savefig(figure: Figure, *args: Any, **options: Any) -> None:
        saved.append(figure)
        real(figure, *args, **options)

    monkeypatch.setattr(Figure, "savefig", savefig)
    return saved


def test_every_picture_for_which_there_is_something_to_draw() -> None:
    found = comparison()
    always = {"plots/ranking.png", "plots/catalogue.png"}
    told = always | {"plots/curves.png", "plots/cohorts.png", "plots/popularity.png"}
    everything = comparison_plots(found, losses=LOSSES, off_policy=policy_value())
    assert set(everything) == told | {"plots/loss.png", "plots/off_policy.png"}
    assert set(comparison_plots(found, losses={"popularity": []})) == told
    for picture in everything.values():
        assert picture[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = struct.unpack(">II", picture[16:24])
        assert 400 < width < 1_600
        assert 150 < height < 1_000
    assert everything == comparison_plots(found, losses=LOSSES, off_policy=policy_value())


def test_an_older_comparison_has_the_pictures_it_had() -> None:
    found = comparison()
    older = replace(
        found,
        cohorts=[],
        curves={},
        metrics={
            name: {key: value for key, value in values.items() if "lift" not in key}
            for name, values in found.metrics.items()
        },
    )
    assert set(comparison_plots(older)) == {"plots/ranking.png", "plots/catalogue.png"}


def test_curves_are_the_points_of_the_comparison(drawn: list[Figure]) -> None:
    found = comparison()
    curves_plot(found)
    for axes, metric in zip(drawn[0].axes, ("ndcg", "recall"), strict=True):
        lines = {line.get_label(): line for line in axes.get_lines()}
        for name, curves in found.curves.items():
            assert list(lines[name].get_ydata()) == [point.value for point in curves[metric]]
            assert list(lines[name].get_xdata()) == list(range(1, 21))
            assert lines[name].get_color() == colour(name)
        assert "mean over users" in axes.get_ylabel()


def test_cohort_bars_and_whiskers_are_the_cohorts(drawn: list[Figure]) -> None:
    found = comparison()
    cohort_plot(found.cohorts)
    axes = drawn[0].axes[0]
    users = [cohort for cohort in found.cohorts if cohort.side == "user"]
    heights = [patch.get_height() for patch in axes.patches]
    assert heights == [
        cohort.metrics[name]["ndcg@10"] for name in ("als", "popularity", "champion") for cohort in users
    ]
    assert [label.get_text() for label in axes.get_xticklabels()] == [
        f"{cohort.name}\n{cohort.users} users" for cohort in users
    ]


def test_lift_is_drawn_in_percent_from_zero(drawn: list[Figure]) -> None:
    found = comparison()
    lift_plot(found)
    (axes,) = drawn[0].axes
    widths = [patch.get_width() for patch in axes.patches]
    names = list(found.metrics)[::-1]
    assert widths == pytest.approx([100 * found.metrics[name]["popularity_lift@10"] for name in names])
    assert [label.get_text() for label in axes.get_yticklabels()] == names


def test_loss_has_a_panel_a_model_with_losses(drawn: list[Figure]) -> None:
    loss_plot(LOSSES)
    (axes,) = drawn[0].axes
    assert list(axes.get_lines()[0].get_ydata()) == [4.0, 2.0, 1.5]
    assert axes.get_title() == "als: 4 → 1.5"


def test_a_refused_estimator_has_no_point(drawn: list[Figure]) -> None:
    policy_plot(policy_value())
    (axes,) = drawn[0].axes
    assert len(axes.containers) == 2
    assert [text.get_text() for text in axes.texts] == ["refused"]
    policy_plot(policy_value(verdict="refused"))
    assert "do not decide by this" in drawn[1].axes[0].get_title()


def test_each_model_has_its_own_colour_and_keeps_it() -> None:
    assert len(set(COLOURS.values())) == len(COLOURS)
    assert {"als", "ials", "bpr", "recency", "content", "popularity", "champion"} <= set(COLOURS)
    assert colour("something new") == colour("something new") not in COLOURS.values()
    assert plots.colour is colour
