"""The model in MLflow's own form: `mlflow.pyfunc.load_model("models:/revealed-recommender/3").predict(frame)`.

MLflow imports this module from the installed package and hands it the model's folder; nothing is unpickled, and every file
is compared with the model's card before one is read. (MLflow has read `MLmodel` by then. What is put in service never comes
this way: `fetch_model` also compares with the tags of the registered version.)

One row of the frame is one list. A person is given by what they like, `item_ids`, or by `user_id`, whose likes are then
read from the newest dataset under `REVEALED_HOME`: a model holds no users.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_matrix

from revealed.durable import canonical_json
from revealed.errors import UsageError
from revealed.evaluation.metrics import Csr
from revealed.training.artifact import load_model
from revealed.training.matrix import Interactions, only, positions
from revealed.training.protocol import NOTHING, Recommender

if TYPE_CHECKING:
    import pandas as pd

LOADER = "revealed.registry.pyfunc"
EXAMPLE = "input_example.json"
COLUMNS = ("user_id", "rank", "item_id", "score", "source")
_K = 10
_EXAMPLE_LIKES = 3


@dataclass(frozen=True)
class ListMaker:
    """What `mlflow.pyfunc` calls: makes the model's own lists, before serving tops up short ones.

    Attributes:
        model: the recommender.
        like_confidence: how sure a like of `item_ids` is taken to be: the median of the training's likes.
    """

    model: Recommender
    like_confidence: float

    def predict(self, model_input: pd.DataFrame, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Return the rows (`user_id`, `rank`, `item_id`, `score`, `source`) of one list for each row given.

        Args:
            model_input: `item_ids` (list of liked items) or `user_id`, or both, and optionally `k` (10 by default).
            params: not used.

        Raises:
            UsageError: a row has neither, or `k` is not positive.
            NoDataError: a user was given by id alone, and there is no dataset under `REVEALED_HOME`.
        """
        import pandas as pd

        rows = [found for asked in self._asked(model_input) for found in asked]
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def _asked(self, frame: pd.DataFrame) -> Iterator[list[tuple[str | None, int, str, float, str]]]:
        newest: Interactions | None = None
        for record in frame.to_dict("records"):
            user, likes, k = _user(record), _likes(record), _depth(record)
            if likes is None and user is None:
                raise UsageError(
                    "a row names neither liked items nor a user",
                    where="item_ids, user_id",
                    remedy='give one of them, such as item_ids=["i1", "i2"]',
                )
            if likes is None:
                newest = newest or _newest(self.model)
                confidence, seen = _known(newest, str(user))
            else:
                confidence = seen = self._liked(likes)
            yield self._list(user, confidence, seen, k)

    def _liked(self, likes: list[str]) -> Csr:
        at = positions(sorted(set(likes)), self.model.items)
        at = at[at >= 0]
        values = np.full(len(at), self.like_confidence, dtype=np.float32)
        return csr_matrix((values, (np.zeros(len(at), dtype=np.int32), at)), shape=(1, len(self.model.items)))

    def _list(
        self, user: str | None, confidence: Csr, seen: Csr, k: int
    ) -> list[tuple[str | None, int, str, float, str]]:
        if not confidence.shape[0]:
            return []
        ranking = self.model.recommend(confidence, seen, k)
        found = [
            (item, score)
            for item, score in zip(ranking.items[0], ranking.scores[0], strict=True)
            if item != NOTHING
        ]
        return [
            (user, rank, str(self.model.items[item]), float(score), self.model.name)
            for rank, (item, score) in enumerate(found, start=1)
        ]


def _load_pyfunc(path: str, model_config: Mapping[str, Any] | None = None) -> ListMaker:
    """Return the model in `path`; MLflow calls this by its name.

    Raises:
        DamagedModelError: a file is missing, changed, or not what a model is made of; the message names it.
    """
    model, _ = load_model(Path(path))
    return ListMaker(model, float((model_config or {}).get("like_confidence", 1.0)))


def pyfunc_files(model: Recommender, data: Interactions) -> dict[str, bytes]:
    """Return `MLmodel` (loader, signature) and the input example, by their path in the model's folder.

    No requirements are listed: the model runs where Revealed is installed (`--env-manager local`), and a list would
    make tools install a package of this name from wherever they find one.

    Args:
        model: a fitted recommender.
        data: what it was fitted on.
    """
    from mlflow import pyfunc
    from mlflow.models import Model

    liked = only(data.confidence, data.confidence.data > 0)
    like_confidence = float(np.median(liked.data)) if liked.nnz else 1.0
    form: Any = Model(
        model_uuid=None,
        signature=_signature(),
        saved_input_example_info={"artifact_path": EXAMPLE, "type": "dataframe", "pandas_orient": "split"},
    )
    form.utc_time_created = None  # the same model gives the same bytes
    add_flavor: Any = pyfunc.add_to_model
    add_flavor(form, loader_module=LOADER, data=".", model_config={"like_confidence": like_confidence})
    return {"MLmodel": str(form.to_yaml()).encode(), EXAMPLE: canonical_json(_example(model, data))}


def _signature() -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema
    from mlflow.types.schema import Array, DataType

    return ModelSignature(
        inputs=Schema(
            [
                ColSpec(Array(DataType.string), "item_ids", required=False),
                ColSpec("string", "user_id", required=False),
                ColSpec("long", "k", required=False),
            ]
        ),
        outputs=Schema(
            [
                ColSpec("string", "user_id", required=False),
                ColSpec("long", "rank"),
                ColSpec("string", "item_id"),
                ColSpec("double", "score"),
                ColSpec("string", "source"),
            ]
        ),
    )


def _example(model: Recommender, data: Interactions) -> dict[str, Any]:
    """Return a row that anybody can try: somebody who likes the three most liked items."""
    most = np.argsort(-data.onto(model.items).likes, kind="stable")[:_EXAMPLE_LIKES]
    return {"columns": ["item_ids", "k"], "data": [[[str(model.items[at]) for at in most], _K]]}


def _user(record: Mapping[Any, Any]) -> str | None:
    value = record.get("user_id")
    return value if isinstance(value, str) else None


def _likes(record: Mapping[Any, Any]) -> list[str] | None:
    value = record.get("item_ids")
    if isinstance(value, str):
        value = json.loads(value)
    return [str(item) for item in value] if isinstance(value, list | tuple | np.ndarray) else None


def _depth(record: Mapping[Any, Any]) -> int:
    value = record.get("k", _K)
    if value is None or value != value:  # a missing number among numbers is NaN
        return _K
    if value < 1:
        raise UsageError(f"{value} recommendations cannot be given", where="k", remedy="ask for one or more")
    return int(value)


def _newest(model: Recommender) -> Interactions:
    from revealed.feedback import read_dataset
    from revealed.settings import Settings
    from revealed.training.matrix import read_interactions

    settings = Settings.from_env()
    return read_interactions(settings, read_dataset(settings).file("interactions.parquet")).onto(model.items)


def _known(data: Interactions, user: str) -> tuple[Csr, Csr]:
    """Return what is known of the user, as one row each; no row for a stranger."""
    row = int(positions([user], data.users)[0])
    if row < 0:
        return data.confidence[:0], data.seen[:0]
    return data.confidence[row], data.seen[row]
