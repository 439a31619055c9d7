"""The closed loop learns, in short: one seed and few generations through landing, dbt, audit, dataset, ALS and lists."""

from __future__ import annotations

from pathlib import Path

import pytest

from revealed.benchmarks.closed_loop import bench_loop
from revealed.benchmarks.closed_loop_arms import EXPLORING, ORACLE, STATIC
from revealed.benchmarks.closed_loop_world import LoopSize


@pytest.mark.slow
@pytest.mark.integration
def test_an_exploring_loop_leaves_the_static_list_behind(tmp_path: Path) -> None:
    """Three generations of the benchmark's world; a seed that nothing was chosen on."""
    figures = bench_loop(
        (11,), size=LoopSize(generations=3), arms=(STATIC, EXPLORING, ORACLE), folder=tmp_path
    )
    rows = {(row["arm"], row["generation"]): row for row in figures["rows"]}
    learnt, static, best = (rows[arm.name, 3] for arm in (EXPLORING, STATIC, ORACLE))
    assert learnt["engagement"] > 1.3 * static["engagement"]
    assert learnt["articles"] > static["articles"]
    assert learnt["single"] < static["single"]
    assert learnt["possible"] > rows[EXPLORING.name, 1]["possible"]
    assert best["engagement"] > learnt["engagement"]
    # Before the first generation all arms are one.
    assert rows[EXPLORING.name, 0]["engagement"] == rows[STATIC.name, 0]["engagement"]
    assert list(tmp_path.iterdir()) == []
