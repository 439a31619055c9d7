"""The closed-loop experiment: its draws, its judge and its readout, in worlds too small to learn in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2

from revealed.benchmarks.closed_loop import bench_loop
from revealed.benchmarks.closed_loop_arms import (
    EXPLORING,
    GREEDY,
    IGNORED,
    ORACLE,
    STATIC,
    Arm,
    choose,
)
from revealed.benchmarks.closed_loop_plot import closed_loop_plot
from revealed.benchmarks.closed_loop_readout import compared, interval, per_generation, summarised
from revealed.benchmarks.closed_loop_service import Service
from revealed.benchmarks.closed_loop_world import LoopSize, draw_loop_world
from revealed.simulation.population import World

TINY = LoopSize(users=60, items=60, generations=2, activity=0.5)


@pytest.fixture(scope="module")
def world() -> World:
    return draw_loop_world(7, TINY)


def served(world: World, arm: Arm, utilities: np.ndarray | None = None) -> Service:
    service = Service(world, TINY.feed)
    service.serve_days(0, STATIC, None)
    service.serve_days(1, arm, utilities)
    return service


def test_logged_propensities_are_the_frequencies_of_the_experiments_policy() -> None:
    """Chi-square over every item and position of one list, drawn as the exploring arm draws."""
    draws, items, slots = 5_000, 12, 3
    utilities = np.tile(-np.arange(items) / 3.0, (draws, 1))
    eligible = np.ones((draws, items), dtype=bool)
    eligible[:, 4] = False
    choice = choose(EXPLORING, np.random.default_rng(5), utilities, eligible, slots)
    assert not (choice.items == 4).any()
    statistic = 0.0
    for position in range(slots):
        shown, said = choice.items[:, position], choice.propensities[:, position]
        expected = np.zeros(items)
        expected[shown] = said * draws
        seen = np.bincount(shown, minlength=items)
        assert expected.sum() == pytest.approx(
            draws
        )  # every item that can come came, and the marginals add up to one
        cells = expected > 0
        statistic += float((((seen - expected) ** 2)[cells] / expected[cells]).sum())
    assert statistic < chi2.ppf(0.9999, slots * (items - 2))


def test_what_an_arm_does_not_log_is_unknown_and_moves_no_draw() -> None:
    utilities = np.random.default_rng(1).normal(size=(50, 20))
    everything = np.ones((50, 20), dtype=bool)
    drawn = [choose(arm, np.random.default_rng(2), utilities, everything, 5) for arm in (EXPLORING, IGNORED)]
    assert (drawn[0].items == drawn[1].items).all()
    assert np.isfinite(drawn[0].propensities).all()
    assert np.isnan(drawn[1].propensities).all()
    greedy = choose(GREEDY, np.random.default_rng(2), utilities, everything, 5)
    assert (greedy.propensities == 1).all()
    assert (greedy.items == np.argsort(-utilities, axis=1, kind="stable")[:, :5]).all()


def test_the_oracle_reaches_what_is_possible_and_nobody_more(world: World) -> None:
    for note in served(world, ORACLE).notes:
        if note.generation:
            assert note.value == pytest.approx(note.possible)
    for note in served(world, STATIC).notes:
        assert (note.value <= note.possible + 1e-9).all()


def test_true_engagement_is_what_sampled_reads_come_to(world: World) -> None:
    """The expectation that the table shows, against people's acts, over many sessions."""
    notes = [note for seed in range(6) for note in served(draw_loop_world(seed, TINY), ORACLE).notes]
    expected = sum(note.value.sum() for note in notes)
    happened = sum(note.satisfied.sum() for note in notes)
    requests = sum(len(note.value) for note in notes)
    assert abs(happened - expected) < 4 * np.sqrt(requests)  # a slate's reads vary by about one


def test_figures_that_were_kept_are_not_run_again(tmp_path: Path) -> None:
    arms, kept = (STATIC, ORACLE), tmp_path / "kept"

    def run(size: LoopSize, seeds: tuple[int, ...]) -> dict[str, Any]:
        return bench_loop(seeds, size=size, arms=arms, keep=kept, folder=tmp_path)

    first = run(TINY, (7,))
    (path,) = kept.iterdir()
    written = path.stat().st_mtime_ns
    both = run(TINY, (7, 8))
    assert path.stat().st_mtime_ns == written
    assert [row for row in both["rows"] if row["seed"] == 7] == first["rows"]
    assert both["rows"] == bench_loop((7, 8), size=TINY, arms=arms, folder=tmp_path)["rows"]
    # Another world's figures are other figures.
    assert run(replace(TINY, appeal=2.0), (7,))["rows"] != first["rows"]
    assert len(list(kept.iterdir())) == 3


def test_arms_meet_the_same_people_and_show_nothing_twice_or_early(world: World) -> None:
    one, other = served(world, ORACLE), served(world, STATIC)
    for ours, theirs in zip(
        one.notes[::2], other.notes[::2], strict=True
    ):  # the first request of each session
        assert (ours.person == theirs.person).all()
    read = [
        (int(slates.wave.person[row]), int(slates.choice.items[row, slot]))
        for slates, outcome in one.traffic.shown
        for row, slot in zip(*np.nonzero(outcome.clicked), strict=True)
    ]
    assert len(read) == len(set(read)) > 50
    for slates, _ in one.traffic.shown:
        shown = slates.choice.items
        out = world.items.published_ms[shown] <= slates.wave.at_ms[:, None]
        assert out[shown >= 0].all()


def test_shown_is_taken_for_seen_only_by_the_arm_that_ignores_position(world: World) -> None:
    utilities = np.zeros((len(world.people), len(world.items)))

    def impressions(arm: Arm) -> int:
        return int((served(world, arm, utilities).traffic.log.columns()["kind"] == "impression").sum())

    assert impressions(EXPLORING) == 0
    service = served(world, IGNORED, utilities)
    slots = sum(
        int(slates.shown.sum()) for slates, _ in service.traffic.shown if slates.serving.model_name == "als"
    )
    assert impressions(IGNORED) == slots > 0


def test_the_readout_counts_sessions_not_requests(world: World) -> None:
    service = served(world, ORACLE)
    rows = per_generation(7, ORACLE.name, service.notes)
    notes = [note for note in service.notes if note.generation == 1]
    sessions = len({int(session) for note in notes for session in note.session})
    assert rows[1]["sessions"] == sessions < sum(len(note.session) for note in notes)
    reads = sum(int(note.reads.sum()) for note in notes)
    assert rows[1]["articles"] == pytest.approx(1 + reads / sessions)


def test_differences_are_paired_by_seed() -> None:
    """Seeds that differ by far more than arms do: the interval is that of the differences."""

    def row(seed: int, arm: str, generation: int, value: float) -> dict[str, object]:
        figures = dict.fromkeys(("engagement", "possible", "articles", "single", "new", "satisfied"), value)
        return {"seed": seed, "arm": arm, "generation": generation, "sessions": 9, **figures}

    rows = [
        row(seed, arm, generation, 10.0 * seed + generation + gain + 0.01 * seed * gain)
        for seed in (1, 2, 3)
        for arm, gain in ((STATIC.name, 0.0), (EXPLORING.name, 2.0))
        for generation in (0, 1, 2, 3)
    ]
    found = {line["difference"]: line for line in compared(rows, 3)}
    against = found["exploring less most recent"]
    assert against["engagement"] == pytest.approx(2.04)
    half = 4.302653 * 0.02 / np.sqrt(3)
    assert against["engagement_high"] - against["engagement"] == pytest.approx(half, rel=1e-4)
    assert found["exploring, end less beginning"]["engagement"] == pytest.approx(1.5)
    means = {(line["arm"], line["generation"]): line for line in summarised(rows)}
    assert means[EXPLORING.name, 2]["engagement"] == pytest.approx(24.04)
    assert closed_loop_plot(rows)[:4] == b"\x89PNG"
    assert interval(np.array([1.0])) == (None, None)


def test_examination_falls_and_tastes_are_personal(world: World) -> None:
    assert (np.diff(LoopSize().feed.examination) < 0).all()
    best = np.argmax(world.relevance * world.satisfaction, axis=1)
    assert len(set(best.tolist())) > 5
    assert replace(TINY, generations=6).days == 14
