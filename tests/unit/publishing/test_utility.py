"""What exploration draws by: closed forms for one source, and what must hold of lists that several sources filled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from revealed.publishing.utility import utilities

NOWHERE = -1


def of_one_list(scores: list[float], scale: list[int]) -> list[float]:
    found = utilities(np.array([scores], dtype=np.float32), np.array([scale], dtype=np.int8), 3)
    return [float(value) for value in found[0]]


def test_of_one_source_it_is_the_distance_from_the_best_in_standard_deviations() -> None:
    # 4, 2, 0: mean 2, variance (4 + 0 + 4) / 3.
    step = 2 / np.sqrt(8 / 3)
    assert of_one_list([4, 2, 0], [0, 0, 0]) == pytest.approx([0, -step, -2 * step])
    assert of_one_list([7, 7, 7], [0, 0, 0]) == [0, 0, 0]
    assert of_one_list([3], [2]) == [0]


def test_it_does_not_depend_on_the_unit_of_the_scores() -> None:
    scores = np.array([[0.9, 0.7, 0.1, -0.4]], dtype=np.float32)
    scale = np.zeros((1, 4), dtype=np.int8)
    np.testing.assert_allclose(
        utilities(scores * 50 + 8, scale, 1), utilities(scores, scale, 1), rtol=1e-5, atol=1e-6
    )


def test_a_further_source_goes_on_where_the_one_before_ended() -> None:
    """Likes counted in hundreds must not be worth more than the model's best at .9."""
    found = of_one_list([0.9, 0.1, 500, 300, 0], [0, 0, 2, 2, NOWHERE])
    assert found == pytest.approx([0, -2, -2, -4, -4])


def test_what_rules_put_behind_is_worth_no_more_than_what_is_before_it() -> None:
    found = of_one_list([4, 0, 2], [0, 0, 0])
    assert found[2] == found[1] < 0


def test_a_place_without_a_score_is_worth_what_the_one_before_it_is() -> None:
    step = 2 / np.sqrt(8 / 3)
    assert of_one_list([0, 4, 0, 2, 0], [NOWHERE, 0, NOWHERE, 0, 0]) == pytest.approx(
        [0, 0, 0, -step, -2 * step]
    )


@given(
    arrays(np.float32, (3, 6), elements=st.floats(-100, 100, width=32)),
    arrays(np.int8, (3, 6), elements=st.integers(-1, 2)),
)
def test_it_begins_at_0_is_finite_and_never_rises(scores: np.ndarray, scale: np.ndarray) -> None:
    found = utilities(scores, np.sort(scale, axis=1)[:, ::-1], 3)
    assert np.isfinite(found).all()
    assert (found <= 0).all()
    assert (np.diff(found, axis=1) <= 0).all()
