"""The reward of every showing, as a dense signal: people rate one item in hundreds, the model all of them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from revealed.durable import publish_directory, remove_tree, sha256_file, write_json
from revealed.errors import DamagedFileError, NoDataError
from revealed.feedback import DatasetManifest
from revealed.progress import Progress
from revealed.reward.history import History
from revealed.reward.model import RewardModel, against_mean
from revealed.reward.split import codes
from revealed.settings import Settings

# Showings; their features take 120 bytes each.
_AT_ONCE = 500_000

SCORES, MANIFEST = "reward_scores.parquet", "manifest.json"
_SCHEMA = pa.schema(
    [
        ("request_id", pa.string()),
        ("item_id", pa.string()),
        ("impression_date", pa.date32()),
        ("utility", pa.float64()),
        ("reward", pa.float64()),
        ("model_id", pa.string()),
        ("dataset_version", pa.string()),
    ]
)


@dataclass(frozen=True)
class ScoresManifest:
    """What `reward_scores.parquet` is: whose scores, of which showings, and its bytes."""

    model_id: str
    dataset_version: str
    as_of: str
    rows: int
    requests: int
    sha256: str
    bytes: int


def scores_folder(settings: Settings, model_id: str) -> Path:
    """Return where a reward model's scores lie: `rewards/<model id>/`."""
    return settings.home / "rewards" / model_id


def write_scores(
    settings: Settings,
    con: duckdb.DuckDBPyConnection,
    history: History,
    dataset: DatasetManifest,
    model: RewardModel,
    model_id: str,
    progress: Progress,
) -> ScoresManifest:
    """Score every showing to people that was received before the dataset's moment; scores already there stay.

    One row a request and item, ordered by day, request and item: `utility`, and `reward`, the chance that the person
    prefers the item to one of the list's mean utility. The same model, dataset and warehouse give the same bytes.
    """
    final = scores_folder(settings, model_id)
    if final.exists():
        return read_scores_manifest(settings, model_id)
    staged = final.with_name(f".staged.{os.getpid()}")
    remove_tree(staged)
    staged.mkdir(parents=True)
    try:
        requests, rows = 0, 0
        with pq.ParquetWriter(staged / SCORES, _SCHEMA, compression="zstd") as writer:
            for found in _scored_days(con, history, dataset, model, model_id, progress):
                writer.write_table(found)
                rows += found.num_rows
                requests += len(found["request_id"].unique())
        path = staged / SCORES
        facts = (model_id, dataset.version, dataset.as_of.isoformat(), rows, requests)
        manifest = ScoresManifest(*facts, sha256_file(path), path.stat().st_size)
        write_json(staged / MANIFEST, asdict(manifest))
        publish_directory(staged, final)
    finally:
        remove_tree(staged)
    return manifest


def read_scores_manifest(settings: Settings, model_id: str) -> ScoresManifest:
    """Return what the scores of a reward model are, after checking the file against its checksum.

    Raises:
        NoDataError: this model has scored nothing.
        DamagedFileError: the file is missing or was changed.
    """
    folder = scores_folder(settings, model_id)
    if not folder.is_dir():
        raise NoDataError(
            f"the reward model {model_id} has scored nothing yet",
            where=str(folder),
            remedy="`revealed reward train` trains, and scores what was shown",
        )
    try:
        manifest = ScoresManifest(**json.loads((folder / MANIFEST).read_bytes()))
        whole = sha256_file(folder / SCORES) == manifest.sha256
    except (OSError, ValueError, TypeError):
        whole = False
    if not whole:
        raise DamagedFileError(
            "the reward scores are not the ones that their manifest describes",
            where=str(folder),
            remedy="delete this folder and score again: `revealed reward train`",
        )
    return manifest


def _scored_days(
    con: duckdb.DuckDBPyConnection,
    history: History,
    dataset: DatasetManifest,
    model: RewardModel,
    model_id: str,
    progress: Progress,
) -> Iterator[pa.Table]:
    """Score some days at a time, which bounds the memory; a request lies in one day."""
    known = f"received_at < timestamp '{dataset.as_of:%Y-%m-%d %H:%M:%S.%f}'"
    spans = _spans(con, known)
    for number, (first, last) in enumerate(spans):
        progress("scoring what was shown, by span of days", number + 1, len(spans))
        con.execute(_SHOWN.format(first=first, last=last, known=known))
        shown = con.execute("select * from days_shown order by place").fetchnumpy()
        if len(shown["place"]):
            utility = model.utility(history.features("days_shown").features)
            yield _table(shown, utility, {"model_id": model_id, "dataset_version": dataset.version})


_SHOWN = """
    create or replace temp table days_shown as
    select row_number() over (order by impression_date, request_id, item_id) - 1 as place,
        request_id, item_id, impression_date
    from marts.fct_impressions
    semi join (
        select request_id, item_id from intermediate.int_impressions_resolved
        where impression_date between date '{first}' and date '{last}' and {known}
    ) as logged using (request_id, item_id)
    where impression_date between date '{first}' and date '{last}' and not is_bot"""


def _spans(con: duckdb.DuckDBPyConnection, known: str) -> list[tuple[Any, Any]]:
    """Return first and last day of spans of about as many showings as are scored at once; a day is never cut."""
    query = (
        "select impression_date, count(*) from intermediate.int_impressions_resolved"
        f" where {known} group by 1 order by 1"
    )
    spans: list[tuple[Any, Any]] = []
    held = _AT_ONCE
    for day, showings in con.execute(query).fetchall():
        if held + showings > _AT_ONCE:
            spans.append((day, day))
            held = showings
        else:
            spans[-1] = (spans[-1][0], day)
            held += showings
    return spans


def _table(shown: dict[str, Any], utility: np.ndarray, same: dict[str, str]) -> pa.Table:
    rows = len(utility)
    columns = {
        "request_id": shown["request_id"],
        "item_id": shown["item_id"],
        "impression_date": shown["impression_date"].astype("datetime64[D]"),
        "utility": utility,
        "reward": against_mean(utility, codes(shown["request_id"])),
    }
    return pa.table(columns | {name: [value] * rows for name, value in same.items()}, schema=_SCHEMA)
