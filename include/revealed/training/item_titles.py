"""What people call the items of a dataset, and which of them must not be shown."""

from __future__ import annotations

import pyarrow.parquet as pq

from revealed.feedback import DatasetManifest


def read_titles(dataset: DatasetManifest) -> dict[str, str]:
    """Return the title of each item that the dataset's catalogue names."""
    table = pq.read_table(dataset.file("items.parquet"), columns=["item_id", "title"])
    ids, titles = (table.column(name).to_pylist() for name in ("item_id", "title"))
    return {str(item): str(title) for item, title in zip(ids, titles, strict=True) if title}


def read_unavailable(dataset: DatasetManifest) -> frozenset[str]:
    """Return the items that the dataset's catalogue says are not to be had."""
    table = pq.read_table(dataset.file("items.parquet"), columns=["item_id", "is_available"])
    ids, available = (table.column(name).to_pylist() for name in ("item_id", "is_available"))
    return frozenset(str(item) for item, is_there in zip(ids, available, strict=True) if is_there is False)
