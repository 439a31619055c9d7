"""Open Bandit, campaign men: 46 clicks give a curve with honest, wide intervals; the bandit's log gives none."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pytest

from revealed.feedback.position_bias import Curve, WeightSums, hajek_curve
from revealed.landing.adapters import ADAPTERS
from revealed.progress import quiet

SOURCE = Path(__file__).resolve().parents[4].parent / "shared" / "data" / "obd_men"
POSITIONS = np.array([1, 2, 3])


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    if not SOURCE.is_dir():
        pytest.skip("the real data is not here: ../shared/data/obd_men")
    target = tmp_path_factory.mktemp("obd")
    return {file.stem: file for file, _ in ADAPTERS["open-bandit"].convert(SOURCE, target, quiet)}


def curve_of(logs: dict[str, Path], policy: str) -> Curve:
    rows = duckdb.sql(f"""
        select dense_rank() over (order by requests.anonymous_id) % 64 as people, items[1].position as position,
            items[1].propensity as propensity, clicks.request_id is not null as clicked
        from read_parquet('{logs[f"inferences-{policy}_men"]}') as requests
        left join read_parquet('{logs[f"events-{policy}_men"]}') as clicks using (request_id)
        order by requests.request_id
    """).fetchnumpy()
    people = np.asarray(rows["people"], dtype=np.int64)
    sums = WeightSums.of_impressions(
        np.zeros(len(people), dtype=np.int64),
        people,
        np.asarray(rows["position"], dtype=np.int64),
        np.asarray(rows["propensity"], dtype=np.float64),
        np.asarray(rows["clicked"], dtype=bool),
    )
    return hajek_curve(sums, POSITIONS, (policy,))


def test_logged_propensities_are_rank_marginals(logs: dict[str, Path]) -> None:
    """1/p adds up to the campaign's 34 items at every position, for both policies: probabilities of (item, position)."""
    for policy, relative in (("random", 1e-9), ("bts", 0.12)):
        reach = duckdb.sql(f"""
            select avg(1 / items[1].propensity) from read_parquet('{logs[f"inferences-{policy}_men"]}')
            group by items[1].position order by items[1].position
        """).fetchall()
        assert [value for (value,) in reach] == pytest.approx([34.0] * 3, rel=relative)


def test_the_random_log_gives_a_curve_with_wide_intervals(logs: dict[str, Path]) -> None:
    curve = curve_of(logs, "random")
    assert curve.is_whole
    assert curve.clicks.tolist() == [10.0, 22.0, 14.0]
    assert curve.examination == pytest.approx([1.0, 2.1324, 1.3815], abs=1e-3)
    width = np.log(curve.ci_high / curve.ci_low)[1:]
    counted = 2 * 1.96 * np.sqrt(1 / 10 + 1 / np.array([22.0, 14.0]))
    assert np.all(width >= counted), "narrower than ten clicks allow"
    assert np.all(width < 1.5 * counted)
    assert np.all((curve.ci_low < 1.05)[1:] & (curve.ci_high > 2.5)[1:]), (
        "46 clicks cannot tell positions apart"
    )


def test_the_bandit_s_log_is_refused(logs: dict[str, Path]) -> None:
    """It showed a third of the people one item: 3,339 impressions weigh as much as 174."""
    curve = curve_of(logs, "bts")
    assert not curve.estimated.any()
    assert set(curve.reasons) == {"bts: effective sample size 174 of 3339 at position 1, 200 needed"}
