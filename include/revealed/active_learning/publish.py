"""Publish whom the product should ask about what: chosen, drawn within budget, and put in service as one table."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from revealed.active_learning.candidates import (
    DISAGREEMENT,
    NEAR_TIE,
    Candidates,
    estimate_noise,
    find_candidates,
)
from revealed.active_learning.evidence import read_answer_confidence, read_disagreements, unavailable
from revealed.active_learning.published import (
    MANIFEST,
    QUERIES,
    QueriesManifest,
    QueryBudget,
    folder_of,
    lately_asked,
    list_queries,
    put_in_service,
    queries_root,
)
from revealed.active_learning.sampling import inclusion_probabilities, systematic_draw
from revealed.clock import utc_now
from revealed.durable import exclusive_lock, publish_directory, remove_tree, sha256_file, write_json
from revealed.errors import StaleError
from revealed.feedback import DatasetManifest, read_dataset
from revealed.feedback.export import FOLD_TRAIN, INTERACTIONS
from revealed.progress import Progress, quiet
from revealed.registry import ModelVersion, fetch_model, require_champion
from revealed.settings import Settings
from revealed.training.artifact import load_model
from revealed.training.matrix import Interactions, positions, read_interactions

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SLATE = 10
# Inverting one person's equations takes a millisecond with 64 factors; more people are drawn from.
_MOST_PEOPLE = 20_000
# Information to this power is the weight of a pair in the draw: 1 hardly prefers what teaches most.
_SHARPNESS = 3.0
# Beside the weight of the most wanted pair, so that no propensity is too small to divide by.
_LEAST_WANTED = 1e-3
# Of the questions, about words against deeds, where there are any.
_DISAGREEMENT_SHARE = 0.2
_SCHEMA = pa.schema(
    [
        ("user_id", pa.string()),
        ("item_id", pa.string()),
        ("reason", pa.string()),
        ("information", pa.float64()),
        ("score", pa.float64()),
        ("rank", pa.int32()),
        ("propensity", pa.float64()),
        ("as_of", pa.timestamp("us")),
        ("model_version", pa.string()),
    ]
)


@dataclass(frozen=True)
class Drawn:
    """The rows of a table before it is written, and what it was drawn from."""

    chosen: Candidates
    propensity: Floats
    users: NDArray[np.object_]
    items: NDArray[np.object_]
    candidates: int
    sigma2: float
    people_share: float


def publish_queries(
    settings: Settings,
    budget: QueryBudget | None = None,
    *,
    slate: int = SLATE,
    seed: int = 0,
    progress: Progress = quiet,
) -> QueriesManifest:
    """Publish the champion's queries on the newest dataset under `published/queries/`, and return what was published.

    On the same model, dataset and budget as the newest table nothing is written. `propensity` is the exact probability with
    which the pair was drawn; a pair that was neither near a tie nor words against deeds had none.

    Raises:
        NothingPublishedError: no model has been approved yet.
        NoDataError: the champion has no factors, or there is no dataset.
        StaleError: the newest table knows more than the newest dataset.
        LockedError: another process publishes queries.
    """
    with exclusive_lock(settings.locks / "queries.lock", "publish queries"):
        champion, dataset = require_champion(settings), read_dataset(settings)
        allowed = budget or QueryBudget()
        before = list_queries(settings)
        facts = _facts(champion, dataset, allowed, slate, seed)
        if before and before[-1].fingerprint == _fingerprint(facts):
            put_in_service(settings, before[-1])
            progress("nothing changed since the last queries")
            return before[-1]
        _refuse_older(before, dataset)
        drawn = _draw(settings, champion, dataset, allowed, slate, seed, progress)
        generation = before[-1].generation + 1 if before else 1
        manifest = _write(settings, generation, facts, drawn)
        put_in_service(settings, manifest)
    progress(f"published {manifest.rows:,} queries for {manifest.people:,} people")
    return manifest


def _facts(
    champion: ModelVersion, dataset: DatasetManifest, budget: QueryBudget, slate: int, seed: int
) -> dict[str, Any]:
    return {
        "as_of": dataset.as_of.isoformat(),
        "model_version": champion.version,
        "model_id": champion.model_id,
        "dataset_version": dataset.version,
        "budget": asdict(budget),
        "slate": slate,
        "seed": seed,
    }


def _fingerprint(facts: dict[str, Any]) -> tuple[Any, ...]:
    budget = tuple(sorted(facts["budget"].items()))
    return (facts["model_id"], facts["dataset_version"], budget, facts["slate"], facts["seed"])


def _refuse_older(before: list[QueriesManifest], dataset: DatasetManifest) -> None:
    if before and datetime.fromisoformat(before[-1].as_of) > dataset.as_of:
        raise StaleError(
            f"the queries in service are as of {before[-1].as_of}, newer than the dataset's {dataset.as_of.isoformat()}",
            remedy="write a newer dataset: `revealed run`",
        )


def _draw(
    settings: Settings,
    champion: ModelVersion,
    dataset: DatasetManifest,
    budget: QueryBudget,
    slate: int,
    seed: int,
    progress: Progress,
) -> Drawn:
    model, _ = load_model(fetch_model(settings, champion.version))
    data = read_interactions(settings, dataset.file(INTERACTIONS)).onto(model.items)
    progress("measuring how far scores are off")
    earlier = read_interactions(settings, dataset.file(FOLD_TRAIN)).onto(model.items)
    sigma2 = estimate_noise(model, earlier, data, seed)
    random = np.random.default_rng([seed, _digest(champion.model_id, dataset.version)])
    asked_people, asked_pairs = lately_asked(settings, dataset.as_of, budget)
    people, share = _askable(data, asked_people, random)
    found = find_candidates(
        model,
        data,
        people,
        unavailable(settings, dataset, model.items),
        read_disagreements(settings, dataset, data.users, model.items),
        sigma2=sigma2,
        slate=slate,
        answer=read_answer_confidence(settings, dataset),
        progress=progress,
    )
    found = found.only((found.information > 0) & ~_among(found, data.users, model.items, asked_pairs))
    chosen, propensity = draw_within(found, budget, random)
    return Drawn(chosen, propensity * share, data.users, model.items, len(found.information), sigma2, share)


def draw_within(
    found: Candidates, budget: QueryBudget, random: np.random.Generator
) -> tuple[Candidates, Floats]:
    """Return the pairs drawn, with the probability of each: as its information's power says, within the budget."""
    _, people = np.unique(found.people, return_inverse=True)
    people = np.asarray(people, dtype=np.int64)
    probability = inclusion_probabilities(_wanted(found), people, budget.pairs, budget.per_person)
    kept = np.zeros(len(probability), dtype=bool)
    kept[systematic_draw(probability, people, random)] = True
    return found.only(kept), probability[kept]


def _wanted(found: Candidates) -> Floats:
    """Return how much each answer is wanted; few disagreements among many near ties are still asked about."""
    weight = (found.information / found.information.max(initial=1e-300)) ** _SHARPNESS
    apart = found.is_disagreement
    if apart.any() and not apart.all():
        share = _DISAGREEMENT_SHARE / (1 - _DISAGREEMENT_SHARE)
        weight[apart] *= share * weight[~apart].sum() / weight[apart].sum()
    wanted: Floats = np.maximum(weight, weight.max(initial=0.0) * _LEAST_WANTED)
    return wanted


def _askable(data: Interactions, asked: set[str], random: np.random.Generator) -> tuple[Ints, float]:
    """Return who may be asked, as rows; where they are too many, a draw of them, and the share drawn."""
    resting = positions(sorted(asked), data.users)
    free = np.setdiff1d(np.arange(len(data.users)), resting)
    if len(free) <= _MOST_PEOPLE:
        return free, 1.0
    return np.sort(random.permutation(free)[:_MOST_PEOPLE]), _MOST_PEOPLE / len(free)


def _among(
    found: Candidates,
    users: NDArray[np.object_],
    items: NDArray[np.object_],
    pairs: set[tuple[str, str]],
) -> NDArray[np.bool_]:
    asked = {user for user, _ in pairs}
    return np.array(
        [
            users[person] in asked and (users[person], items[item]) in pairs
            for person, item in zip(found.people, found.items, strict=True)
        ],
        dtype=bool,
    )


def _digest(*parts: str) -> int:
    return int.from_bytes(hashlib.sha256("\n".join(parts).encode()).digest()[:8])


def _write(settings: Settings, generation: int, facts: dict[str, Any], drawn: Drawn) -> QueriesManifest:
    staged = queries_root(settings) / f".staged.{os.getpid()}"
    remove_tree(staged)
    staged.mkdir(parents=True)
    try:
        path = staged / QUERIES
        pq.write_table(_table(facts, drawn), path, compression="zstd")
        disagreements = int(drawn.chosen.is_disagreement.sum())
        manifest = QueriesManifest(
            generation=generation,
            **facts,
            rows=len(drawn.propensity),
            people=len(np.unique(drawn.chosen.people)),
            reasons={NEAR_TIE: len(drawn.propensity) - disagreements, DISAGREEMENT: disagreements},
            candidates=drawn.candidates,
            sigma2=drawn.sigma2,
            people_share=drawn.people_share,
            sha256=sha256_file(path),
            bytes=path.stat().st_size,
            created_at=utc_now().isoformat(),
        )
        write_json(staged / MANIFEST, manifest.to_dict())
        publish_directory(staged, folder_of(settings, generation))
    finally:
        remove_tree(staged)
    return manifest


def _table(facts: dict[str, Any], drawn: Drawn) -> pa.Table:
    """One row a query, by person, in the order to ask: `rank` 1 teaches the most of what this person is asked."""
    chosen = drawn.chosen
    order = np.lexsort((chosen.items, -chosen.information, chosen.people))
    people = chosen.people[order]
    starts = np.searchsorted(people, people)
    rows = len(order)
    columns = {
        "user_id": drawn.users[people],
        "item_id": drawn.items[chosen.items[order]],
        "reason": np.where(chosen.is_disagreement[order], DISAGREEMENT, NEAR_TIE),
        "information": chosen.information[order],
        "score": chosen.score[order],
        "rank": (np.arange(rows) - starts + 1).astype(np.int32),
        "propensity": drawn.propensity[order],
        "as_of": [datetime.fromisoformat(facts["as_of"])] * rows,
        "model_version": [facts["model_version"]] * rows,
    }
    return pa.table(columns, schema=_SCHEMA)
