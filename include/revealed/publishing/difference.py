"""What changed from one snapshot to the next: users, items, lists, coverage, novelty, popularity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from revealed.engines.duckdb import literal
from revealed.publishing.manifest import ITEMS, RECOMMENDATIONS
from revealed.publishing.overlap import extrapolated_overlap, head_weights

# So many row groups of the new snapshot are compared at once: some 4 million rows, which bounds the memory.
_GROUPS_AT_ONCE = 2_000
_DEEPEST = 10_000


@dataclass(frozen=True)
class SnapshotDifference:
    """How the newer of two snapshots differs from the older.

    Attributes:
        old: the older generation.
        new: the newer one.
        users: `added`, `removed`, `changed` (the list is another) and `same`.
        items: of the catalogue, likewise; `changed` where any field but `likes` is another.
        overlap: rank-biased overlap of the lists of those who have one in both: `mean`, and the `p05` and `median` of it;
            None where nobody has.
        coverage: `old` and `new`: the share of items that may be shown which are on somebody's list.
        new_items: share of the new lists' places held by an item that was on nobody's list before (`unlisted`), and by one
            that the old catalogue did not know (`unknown`).
        popularity: `old`, `new`: mean over places of log2(1 + people who like the item), both by the new snapshot's
            counts, and `shift`, the difference: above 0, more of the crowd's favourites are shown.
    """

    old: int
    new: int
    users: dict[str, int]
    items: dict[str, int]
    overlap: dict[str, float | None]
    coverage: dict[str, float]
    new_items: dict[str, float]
    popularity: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; `SnapshotDifference(**value)` is the inverse."""
        return asdict(self)


def compare_snapshots(
    con: duckdb.DuckDBPyConnection, old: tuple[int, Path], new: tuple[int, Path]
) -> SnapshotDifference:
    """Return how two snapshots differ; each is given by its generation and its folder.

    Reads both part by part in the order of users. A snapshot of an earlier release, whose catalogue says less, is read, too.
    """
    _create_views(con, old[1], new[1])
    users, overlaps = _compare_lists(con, new[1])
    return SnapshotDifference(
        old=old[0],
        new=new[0],
        users=users,
        items=_compare_items(con),
        overlap=_summary(overlaps),
        **_compare_places(con),
    )


def _create_views(con: duckdb.DuckDBPyConnection, old: Path, new: Path) -> None:
    for name, folder in (("old", old), ("new", new)):
        con.execute(
            f"create or replace temp view {name}_lists as from read_parquet({literal(folder / RECOMMENDATIONS)})"
        )
        items = f"read_parquet({literal(folder / ITEMS)})"
        known = [row[0] for row in con.execute(f"describe from {items}").fetchall()]
        lacking = {"is_allowed": "true", "likes": "0"}
        added = ", ".join(f"{value} as {column}" for column, value in lacking.items() if column not in known)
        con.execute(
            f"create or replace temp view {name}_items as select *{', ' + added if added else ''} from {items}"
        )


def _ranges(path: Path) -> Iterator[tuple[str, str | None]]:
    """Yield ranges of users, the first from the beginning, the last without an end, by the footer's statistics."""
    metadata = pq.read_metadata(path)
    firsts = [
        metadata.row_group(group).column(0).statistics.min
        for group in range(0, metadata.num_row_groups, _GROUPS_AT_ONCE)
    ]
    starts = ["", *firsts[1:]]
    yield from zip(starts, [*starts[1:], None], strict=True)


def _compare_lists(con: duckdb.DuckDBPyConnection, new: Path) -> tuple[dict[str, int], np.ndarray[Any, Any]]:
    weights = head_weights(_DEEPEST)
    con.register(
        "heads", pa.table({"deepest": np.arange(1, _DEEPEST + 1, dtype=np.int32), "head": weights[:-1]})
    )
    counts, overlaps = dict.fromkeys(("added", "removed", "changed", "same"), 0), []
    for start, end in _ranges(new / RECOMMENDATIONS):
        found = con.execute(_PAIRS, {"start": start, "end": end}).fetchnumpy()
        before, after = (np.ma.filled(found[name], 0).astype(np.int64) for name in ("before", "after"))
        both = (before > 0) & (after > 0)
        same = both & (before == after) & (np.ma.filled(found["unmoved"], 0) == after)
        counts["added"] += int((before == 0).sum())
        counts["removed"] += int((after == 0).sum())
        counts["changed"] += int((both & ~same).sum())
        counts["same"] += int(same.sum())
        overlaps.append(
            extrapolated_overlap(
                np.minimum(before, after)[both],
                np.maximum(before, after)[both],
                np.ma.filled(found["common_short"], 0)[both],
                np.ma.filled(found["common"], 0)[both],
                np.ma.filled(found["heads"], 0.0)[both],
            )
        )
    return counts, np.concatenate(overlaps) if overlaps else np.empty(0)


_PAIRS = """
with
before as (from old_lists where user_id >= $start and ($end is null or user_id < $end)),
after as (from new_lists where user_id >= $start and ($end is null or user_id < $end)),
lengths as (
    select user_id, b.places as before, a.places as after, least(b.places, a.places) as short
    from (select user_id, count(*) as places from before group by user_id) as b
    full join (select user_id, count(*) as places from after group by user_id) as a using (user_id)
),
common as (
    select user_id, greatest(b.rank, a.rank) as deepest, b.rank = a.rank as is_unmoved
    from before as b join after as a using (user_id, item_id)
),
sums as (
    select user_id, count(*) as common, count(*) filter (deepest <= short) as common_short,
        count(*) filter (is_unmoved) as unmoved, sum(head) as heads
    from common join lengths using (user_id) join heads using (deepest)
    group by user_id
)
select before, after, common, common_short, unmoved, heads from lengths left join sums using (user_id)
"""


def _summary(overlaps: np.ndarray[Any, Any]) -> dict[str, float | None]:
    if not len(overlaps):
        return {"mean": None, "p05": None, "median": None}
    # Sums over threads differ in their last digits; what is told does not.
    values = (overlaps.mean(), *np.quantile(overlaps, [0.05, 0.5]))
    return {
        name: round(float(value), 9) for name, value in zip(("mean", "p05", "median"), values, strict=True)
    }


def _compare_items(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    # A catalogue of an earlier release says less: what it does not know has not changed.
    names = [{row[0] for row in con.execute(f"describe {side}_items").fetchall()} for side in ("old", "new")]
    shared = sorted((names[0] & names[1]) - {"item_id", "likes"})
    packed = ", ".join(f"{name} := {name}" for name in shared)
    row = con.execute(
        f"""
        select count(*) filter (o is null), count(*) filter (n is null),
            count(*) filter (o is not null and n is not null and o <> n), count(*) filter (o = n)
        from (select item_id, struct_pack({packed}) as o from old_items)
        full join (select item_id, struct_pack({packed}) as n from new_items) using (item_id)
        """
    ).fetchone()
    assert row is not None
    return dict(zip(("added", "removed", "changed", "same"), map(int, row), strict=True))


def _compare_places(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, float]]:
    row = con.execute(
        """
        with
        before as (select item_id, count(*) as places from old_lists group by item_id),
        after as (select item_id, count(*) as places from new_lists group by item_id),
        offered as (
            select (select count(*) from old_items where is_available and is_allowed) as offered_before,
                (select count(*) from new_items where is_available and is_allowed) as offered_after
        ),
        listed as (
            select coalesce(b.places, 0) as before, coalesce(a.places, 0) as after, o.item_id is not null as was_known,
                log2(1 + coalesce(n.likes, 0)) as popularity
            from before as b full join after as a using (item_id)
            left join new_items as n using (item_id) left join (select item_id from old_items) as o using (item_id)
        )
        select
            count(*) filter (before > 0) / nullif(any_value(offered_before), 0),
            count(*) filter (after > 0) / nullif(any_value(offered_after), 0),
            sum(after) filter (before = 0) / nullif(sum(after), 0),
            sum(after) filter (not was_known) / nullif(sum(after), 0),
            sum(before * popularity) / nullif(sum(before), 0),
            sum(after * popularity) / nullif(sum(after), 0)
        from listed, offered
        """
    ).fetchone()
    assert row is not None
    old, new, unlisted, unknown, liked_before, liked_after = (round(float(value or 0), 9) for value in row)
    return {
        "coverage": {"old": old, "new": new},
        "new_items": {"unlisted": unlisted, "unknown": unknown},
        "popularity": {
            "old": liked_before,
            "new": liked_after,
            "shift": round(liked_after - liked_before, 9),
        },
    }
