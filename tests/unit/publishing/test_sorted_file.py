"""One list read from a sorted file is what the whole file says, however its row groups fall and whatever is kept decoded."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from revealed.publishing.sorted_file import SortedFile

OWNERS = ("", "a", "b", "c-long-name", "z", "é")


def table(lengths: list[int]) -> pa.Table:
    """Each owner's list is as long as said; items repeat within and across lists."""
    owners = [owner for owner, length in zip(OWNERS, lengths, strict=True) for _ in range(length)]
    return pa.table(
        {
            "owner": owners,
            "item": [f"i{(at * 7) % 5}" for at in range(len(owners))],
            "score": pa.array([at / 3 for at in range(len(owners))], pa.float32()),
        }
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 9), min_size=len(OWNERS), max_size=len(OWNERS)),
    st.integers(1, 8),
    st.integers(1, 4),
    st.lists(st.sampled_from((*OWNERS, "aa", "zz")), max_size=12),
    st.booleans(),
)
def test_a_list_is_what_the_file_says(
    lengths: list[int], rows_in_a_group: int, keep: int, asked: list[str], is_decoded_first: bool
) -> None:
    whole = table(lengths)
    expected: dict[str, list[dict[str, Any]]] = {}
    for row in whole.to_pylist():
        expected.setdefault(row.pop("owner"), []).append(row)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lists.parquet"
        pq.write_table(whole, path, row_group_size=rows_in_a_group)
        opened = SortedFile(path, "owner", ("item", "score", "missing"), keep=keep)
        path.unlink()
        if is_decoded_first:
            groups = -(-len(whole) // rows_in_a_group)
            assert opened.decode(asked) == min(keep, groups)
        for owner in asked:
            rows = opened.rows(owner)
            assert (None if rows is None else rows.to_pylist()) == expected.get(owner)
        assert len(opened.keys_at_hand()) <= keep


def test_keys_at_hand_are_those_used_last(tmp_path: Path) -> None:
    pq.write_table(table([2] * len(OWNERS)), tmp_path / "lists.parquet", row_group_size=2)
    opened = SortedFile(tmp_path / "lists.parquet", "owner", ("item",), keep=3)
    for owner in ("a", "b", "é", "c-long-name", "b"):
        opened.rows(owner)
    assert opened.keys_at_hand() == ["b", "c-long-name", "é"]
