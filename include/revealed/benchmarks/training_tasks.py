"""The measured parts of training, each run in a process of its own by `revealed.benchmarks.scale.worker`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, load_npz, save_npz

from revealed.benchmarks.scale.measure import cpu_seconds, measured
from revealed.benchmarks.training_feedback import FeedbackSize, write_feedback
from revealed.engines.duckdb import connect, literal
from revealed.evaluation import Comparison, Contender, compare
from revealed.evaluation.compare import DEPTH
from revealed.settings import Settings
from revealed.training.als import ImplicitALS
from revealed.training.artifact import save_model
from revealed.training.device import Device, choose_device
from revealed.training.matrix import Interactions, positions, read_interactions
from revealed.training.popularity import Popularity
from revealed.training.serving import Server


def generate(settings: Settings, *, size: dict[str, int], feedback: str, test: str | None) -> dict[str, Any]:
    """Write generated feedback; return its `rows`."""
    rows = write_feedback(FeedbackSize(**size), Path(feedback), Path(test) if test else None)
    return {"rows": rows}


def matrix(settings: Settings, *, feedback: str, keep: str | None = None) -> dict[str, Any]:
    """Build the matrices of a feedback file, and leave the confidences in the file `keep`, which is not measured."""
    with measured() as cost:
        data = read_interactions(settings, Path(feedback))
    if keep:
        save_npz(keep, data.confidence, compressed=False)
    pairs = int(data.confidence.nnz)
    return {**asdict(cost), "users": len(data.users), "items": len(data.items), "pairs": pairs}


def bare_fit(settings: Settings, *, matrix: str, device: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Fit implicit on a ready matrix: nothing read, nothing judged, nothing saved."""
    confidence = load_npz(matrix)
    solver = _implicit(choose_device(device), parameters)
    with measured() as cost:
        solver.fit(confidence, show_progress=False)
    return {**asdict(cost), "sweeps": parameters["iterations"]}


def train_task(
    settings: Settings, *, feedback: str, test: str, device: str, parameters: dict[str, Any]
) -> dict[str, Any]:
    """Read, build the matrix, fit, judge on the held-back pairs beside popularity, save; CPU seconds of each in `steps`."""
    steps: dict[str, float] = {}
    _implicit(Device("cpu", "imported before the clock starts, as for the bare fit"), parameters)
    where = choose_device(device)
    with measured() as cost:
        with _step(steps, "read, matrix"):
            data = read_interactions(settings, Path(feedback))
        with _step(steps, "fit"):
            model = ImplicitALS(**parameters)
            model.fit(data, where)
        with _step(steps, "judge"):
            found = _judged(settings, model, data, Path(test))
        with _step(steps, "save"):
            save_model(settings.models, model, {"dataset_version": "generated"}, {})
    return {**asdict(cost), "steps": steps, "device": where.reason, "metrics": found.metrics[model.name]}


@contextmanager
def _step(steps: dict[str, float], name: str) -> Iterator[None]:
    begun = cpu_seconds()
    yield
    steps[name] = cpu_seconds() - begun


def _implicit(device: Device, parameters: dict[str, Any]) -> Any:
    if device.name == "gpu":
        from implicit.gpu.als import AlternatingLeastSquares
    else:
        from implicit.cpu.als import AlternatingLeastSquares
    told = {name: value for name, value in parameters.items() if name != "seed"}
    return AlternatingLeastSquares(
        **told, random_state=parameters["seed"], alpha=1.0, calculate_training_loss=False
    )


def _judged(settings: Settings, model: ImplicitALS, data: Interactions, test: Path) -> Comparison:
    popularity = Popularity()
    popularity.fit(data, Device("cpu", "counting"))
    testers, relevance = _relevance(settings, data, test)
    lists = [
        Contender(kind.name, Server(kind, popularity, data).items_for(testers, DEPTH))
        for kind in (model, popularity)
    ]
    return compare(lists, relevance, data.likes, len(data.users))


def _relevance(settings: Settings, data: Interactions, test: Path) -> tuple[NDArray[np.int64], Any]:
    """Return the rows of the users with held-back pairs, and these pairs over the data's items."""
    con = connect(settings)
    try:
        pairs = con.execute(f"select user_id, item_id from read_parquet({literal(test)})").fetchnumpy()
    finally:
        con.close()
    users, items = (np.asarray(pairs[side], dtype=object) for side in ("user_id", "item_id"))
    rows, columns = positions(users, data.users), positions(items, data.items)
    known = (rows >= 0) & (columns >= 0)
    testers, tester = np.unique(rows[known], return_inverse=True)
    ones = np.ones(len(tester), dtype=np.float32)
    return testers, csr_matrix((ones, (tester, columns[known])), shape=(len(testers), len(data.items)))
