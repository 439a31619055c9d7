"""Rank-biased overlap against the definition, hand examples, and lists for which it is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from revealed.publishing.overlap import head_weights, rank_biased_overlap


def by_definition(first: list[str], second: list[str], p: float) -> float:
    """Equation 32 of Webber, Moffat & Zobel (2010), sums and all: S the shorter list, L the longer, X_d the overlap at d."""
    shorter, longer = sorted((first, second), key=len)
    s, long = len(shorter), len(longer)
    x = [0] + [len(set(shorter[:d]) & set(longer[:d])) for d in range(1, long + 1)]
    total = sum(x[d] / d * p**d for d in range(1, long + 1))
    total += sum(x[s] * (d - s) / (s * d) * p**d for d in range(s + 1, long + 1))
    return (1 - p) / p * total + ((x[long] - x[s]) / long + x[s] / s) * p**long


LISTS = st.permutations(list("abcdefghij")).flatmap(
    lambda items: st.integers(1, 10).map(lambda length: list(items[:length]))
)


@given(LISTS, LISTS, st.sampled_from([0.5, 0.8, 0.9, 0.98]))
def test_it_is_the_definition(first: list[str], second: list[str], p: float) -> None:
    found = rank_biased_overlap(first, second, p)
    assert found == pytest.approx(by_definition(first, second, p), abs=1e-12)
    assert found == pytest.approx(rank_biased_overlap(second, first, p), abs=1e-12)
    assert -1e-12 <= found <= 1 + 1e-12


def test_by_hand() -> None:
    # a b against b a: agreement 0 at depth 1, 1 at depth 2 and ever after. RBO = (1-p)/p (0 + p^2) + p^2 = p.
    for p in (0.5, 0.9):
        assert rank_biased_overlap(["a", "b"], ["b", "a"], p) == pytest.approx(p)
    # a b c against a c d at p = .5: X = 1, 1, 2, so that (.5/.5)(1*.5 + 1/2*.25 + 2/3*.125) + 2/3*.125 = .791666...
    assert rank_biased_overlap(list("abc"), list("acd"), 0.5) == pytest.approx(19 / 24)
    # Of the shorter list nothing is known beyond its end: a against a b agrees as far as it goes, and is taken to go on so.
    assert rank_biased_overlap(["a"], ["a", "b"], 0.9) == pytest.approx(1.0)


@given(LISTS, st.floats(0.1, 0.99))
def test_the_same_list_is_1_and_a_list_of_others_is_0(items: list[str], p: float) -> None:
    assert rank_biased_overlap(items, items, p) == pytest.approx(1)
    assert rank_biased_overlap(items, [item.upper() for item in items], p) == 0
    assert rank_biased_overlap(items, [], p) == 0


def test_one_item_out_of_place_matters_more_at_the_top() -> None:
    """Where only the item at depth d is another, A_i is 1 before d and (i-1)/i from d on: RBO_EXT in closed form."""
    k, p = 50, 0.9
    items = [str(number) for number in range(k)]
    weights = head_weights(k, p)
    for d in (1, 2, 10, 50):
        changed = [*items[: d - 1], "new", *items[d:]]
        # 1 - A_i = 1/i from depth d on: (1-p)/p sum over i >= d of p^i / i, and p^k / k beyond the end.
        missing = (1 - p) / p * (weights[k] - weights[d - 1]) + p**k / k
        assert rank_biased_overlap(items, changed, p) == pytest.approx(1 - missing)


def test_the_first_ten_places_have_86_percent_of_the_weight() -> None:
    """Webber et al., section 4.3: the weight of the first d ranks is 1 - p^(d-1) + (1-p)/p d (ln 1/(1-p) - C(d-1))."""
    p, d = 0.9, 10
    weight = 1 - p ** (d - 1) + (1 - p) / p * d * (np.log(1 / (1 - p)) - head_weights(d - 1, p)[-1])
    assert weight == pytest.approx(0.8556, abs=1e-4)
