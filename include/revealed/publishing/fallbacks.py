"""Lists for people whom nothing is known of: what is popular and what is engaging of late, by segment, under the rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np

from revealed.engines.duckdb import literal
from revealed.feedback import DatasetManifest
from revealed.feedback.export import RECENT_DAYS
from revealed.publishing.catalogue import Catalogue, allowed_sql
from revealed.publishing.discovery import Draws, with_discovery
from revealed.publishing.list_files import FALLBACK_SCHEMA, sorted_file, write_lists
from revealed.publishing.manifest import FALLBACKS, ITEMS
from revealed.publishing.ruled_lists import Rows, RuledLists, showable
from revealed.publishing.rules import DISCOVERY, Rules, day_of
from revealed.training.matrix import positions
from revealed.training.popularity import Popularity
from revealed.training.recent_likes import RecentByTopic
from revealed.training.serving import Served

_NAMES = (Popularity.name, RecentByTopic.name, DISCOVERY)
_ALL, _RECENT, _TOPIC, _SURFACE = "all", "recent:", "topic:", "surface:"


def write_fallbacks(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    dataset: DatasetManifest,
    catalogue: Catalogue,
    rules: Rules,
    draws: Draws,
) -> int:
    """Write the best `draws.k` of each segment and return how many rows that is.

    Needs `items.parquet` beside it. The segments are `all`, `topic:<topic>`, `recent:all`, `recent:topic:<topic>` and
    `surface:<surface>`; `score` is how many people like the item (recent: and did so last within `RECENT_DAYS` before the
    dataset's `as_of`; surfaces: clicked on it there lately). There is discovery in `all`, with which every stranger's list
    ends.
    """
    _rank(con, folder, dataset)
    names = con.execute("select distinct segment from ranked order by segment").fetchall()
    segments = [_Segment(con, str(name), catalogue, rules) for (name,) in names]
    row = np.zeros(1, dtype=np.int64)
    with sorted_file(folder / FALLBACKS, FALLBACK_SCHEMA) as writer:
        if not segments:
            return 0
        lists = [segment.ruled(rules, dataset, draws).lists(row, draws.k) for segment in segments]
        owners = np.array([segment.name for segment in segments], dtype=object)
        return write_lists(writer, owners, catalogue.items, _stacked(lists))


class _Segment:
    """The ranked items of one segment, as something that makes a list."""

    def __init__(self, con: duckdb.DuckDBPyConnection, name: str, catalogue: Catalogue, rules: Rules) -> None:
        self.name, self.space = name, catalogue.items
        self.names: tuple[str, ...] = _NAMES
        self.surface = name.removeprefix(_SURFACE) if name.startswith(_SURFACE) else None
        plain = name.removeprefix(_RECENT)
        self.topic = plain.removeprefix(_TOPIC) if plain.startswith(_TOPIC) else None
        self._con, self._catalogue = con, catalogue
        self._allowed = allowed_sql(rules.filters_on(self.surface))

    def ruled(self, rules: Rules, dataset: DatasetManifest, draws: Draws) -> RuledLists:
        """Return the segment's lists under the rules."""
        pins = rules.pins_on(day_of(dataset.as_of), surface=self.surface, topic=self.topic)
        return RuledLists(
            with_discovery(self, draws if self.name == _ALL else replace(draws, every=0)),
            self._catalogue,
            rules.caps,
            showable(pins, self._catalogue, rules, self.surface),
        )

    def lists(self, rows: Rows, k: int) -> Served:
        """Return the best `k` that the surface's filters let pass, for the one row that there is."""
        found = self._con.execute(
            f"select item_id, score from ranked join items using (item_id) where segment = ? and {self._allowed}"
            " order by rank limit ?",
            [self.name, k],
        ).fetchnumpy()
        served = Served.empty(len(rows), k, self.names)
        items = np.asarray(found["item_id"], dtype=object)
        served.items[:, : len(items)] = positions(items, self.space)
        served.scores[:, : len(items)] = np.asarray(found["score"], dtype=np.float32)
        served.source[:, : len(items)] = int(self.name.startswith(_RECENT))
        return served


def _stacked(lists: list[Served]) -> Served:
    return Served(
        np.concatenate([served.items for served in lists]),
        np.concatenate([served.scores for served in lists]),
        np.concatenate([served.source for served in lists]),
        lists[0].names,
    )


def _rank(con: duckdb.DuckDBPyConnection, folder: Path, dataset: DatasetManifest) -> None:
    """Make the tables `items` (those that may be shown) and `ranked` (segment, rank, item_id, score)."""
    con.execute(
        f"create or replace temp table items as from {literal(folder / ITEMS)} where is_available and is_allowed"
    )
    con.execute(
        f"""
        create or replace temp table ranked as
        with liked as (
            select item_id, confidence, last_event_at >= max(as_of) over () - interval {RECENT_DAYS} day as is_recent
            from read_parquet({literal(dataset.file("interactions.parquet"))})
        ),
        counted as (
            select '' as period, item_id, count(*) as score, sum(confidence) as confidence
            from liked where confidence > 0 group by item_id
            union all
            select '{_RECENT}', item_id, count(*), sum(confidence)
            from liked where confidence > 0 and is_recent group by item_id
        ),
        scored as (
            select period || '{_ALL}' as segment, item_id, score, confidence from counted
            union all
            select period || '{_TOPIC}' || topic, item_id, score, confidence from counted join items using (item_id)
            where topic is not null
            union all
            select '{_SURFACE}' || surface, item_id, users, 0
            from read_parquet({literal(dataset.file("surface_items.parquet"))}) where surface is not null
        )
        select
            segment, item_id, score,
            row_number() over (partition by segment order by score desc, confidence desc, item_id) as rank
        from scored semi join items using (item_id)
        """
    )
