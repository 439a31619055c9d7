"""Row groups hold whole lists and stay small; nothing is lost or doubled at their edges."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from revealed.publishing.row_groups import row_groups


@given(st.lists(st.integers(1, 30), max_size=40), st.integers(1, 20))
def test_groups_are_whole_lists_of_bounded_size_and_as_few_as_can_be(lengths: list[int], most: int) -> None:
    ends = np.cumsum(np.array(lengths, dtype=np.int64))
    found = list(row_groups(ends, most))
    assert [row for start, end in found for row in range(start, end)] == list(range(sum(lengths)))
    allowed = {0, *ends.tolist()}
    for start, end in found:
        assert {start, end} <= allowed
        assert end - start <= most or sum(start < e <= end for e in ends.tolist()) == 1
    # Greedy packing of consecutive lists leaves no two neighbours that would fit together.
    assert all(after[1] - before[0] > most for before, after in itertools.pairwise(found))
