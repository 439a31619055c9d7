"""Lists as sorted Parquet tables, one row a filled place, in row groups of whole lists."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from revealed.publishing.row_groups import write_row_groups
from revealed.publishing.rules import UNSCORED
from revealed.publishing.utility import utilities
from revealed.training.matrix import Ids
from revealed.training.protocol import NOTHING
from revealed.training.serving import COLD_ITEM, Served


def _schema(owner: str, item: str, *numbers: str) -> pa.Schema:
    columns = [
        (owner, pa.string()),
        ("rank", pa.int32()),
        (item, pa.string()),
        *((name, pa.float32()) for name in numbers),
        ("source", pa.string()),
    ]
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns])


RECOMMENDATION_SCHEMA = _schema("user_id", "item_id", "score", "utility")
SIMILAR_SCHEMA = _schema("item_id", "similar_item_id", "score")
FALLBACK_SCHEMA = _schema("segment", "item_id", "score")


def sorted_file(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Return a writer whose footer holds statistics of the first column alone: what a reader finds a list by."""
    return pq.ParquetWriter(path, schema, compression="zstd", write_statistics=[schema.names[0]])


def write_lists(writer: pq.ParquetWriter, owners: Ids, space: Ids, served: Served) -> int:
    """Write one row a filled place and return how many.

    Args:
        writer: of a schema whose first column is the list's owner and whose third is the item.
        owners: whose each list is, ascending, and after all that were written before.
        space: ids of the items by number.
        served: the lists.
    """
    at, place = np.nonzero(served.items != NOTHING)
    columns = {
        writer.schema.names[0]: pa.array(owners[at], pa.string()),
        "rank": pa.array((place + 1).astype(np.int32)),
        writer.schema.names[2]: pa.array(space[served.items[at, place]], pa.string()),
        "score": pa.array(served.scores[at, place], pa.float32()),
        "source": pa.array(np.asarray(served.names, dtype=object)[served.source[at, place]], pa.string()),
    }
    if "utility" in writer.schema.names:
        columns["utility"] = pa.array(list_utilities(served)[at, place])
    table = pa.table([columns[name] for name in writer.schema.names], schema=writer.schema)
    lengths = np.bincount(at, minlength=len(owners))
    write_row_groups(writer, table, np.cumsum(lengths[lengths > 0]))
    return len(at)


def list_utilities(served: Served) -> NDArray[np.float32]:
    """Return each place's utility; cold items are scored as the model's own, pins and discoveries have no score."""
    scale = served.source.copy()
    if COLD_ITEM in served.names:
        scale[scale == served.names.index(COLD_ITEM)] = 0
    for source in UNSCORED:
        if source in served.names:
            scale[scale == served.names.index(source)] = NOTHING
    return utilities(served.scores, scale, len(served.names))
