"""The truth file of a demo world, for tests only: no step of the loop may read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from revealed.durable import staged_file
from revealed.exploration.rank_marginals import Ints
from revealed.simulation.config import SURFACES
from revealed.simulation.event_log import Columns
from revealed.simulation.happenings import Traffic
from revealed.simulation.names import Names
from revealed.simulation.population import NEVER_MS, Bools, World

_MATRICES_PER_WAVE = 2


def write_truth(
    folder: Path,
    traffic: Traffic,
    events: Columns,
    received_ms: Ints,
    is_late: Bools,
    counts: list[dict[str, Any]],
) -> None:
    """Write what was true and how much is dirty, one Parquet file a table."""
    world = traffic.world
    _write(folder, "users", _users(world))
    _write(folder, "items", _items(world))
    _write(folder, "examination", _examination())
    _write(folder, "requests", _requests(traffic))
    _write(folder, "impressions", _impressions(traffic))
    _write(folder, "propensities", _propensities(traffic))
    _write(folder, "events", _events(world, events, received_ms, is_late))
    _write(folder, "dirty", {name: [row[name] for row in counts] for name in ("log", "kind", "lines")})


def _write(folder: Path, name: str, columns: dict[str, Any]) -> None:
    with staged_file(folder / f"{name}.parquet") as staged:
        pq.write_table(pa.table(columns), staged, compression="zstd")


def _users(world: World) -> dict[str, Any]:
    names, people = Names(world.config), world.people
    everyone = range(len(people))
    return {
        "person": np.arange(len(people)),
        "user_id": [names.user(p) if people.identified_ms[p] != NEVER_MS else None for p in everyone],
        "anonymous_id": [names.anonymous(p) for p in everyone],
        "identified_ms": people.identified_ms,
        "is_bot": people.is_bot,
        "activity": people.activity,
        "taste": people.taste.tolist(),
    }


def _items(world: World) -> dict[str, Any]:
    names, items = Names(world.config), world.items
    return {
        "item_id": [names.item(n) for n in range(len(items))],
        "quality": items.quality,
        "is_clickbait": items.is_clickbait,
        "vector": items.vector.tolist(),
    }


def _examination() -> dict[str, Any]:
    rows = [
        (surface.name, k + 1, float(theta))
        for surface in SURFACES
        for k, theta in enumerate(surface.examination)
    ]
    surface, position, theta = zip(*rows, strict=True)
    return {"surface": surface, "position": position, "theta": theta}


def _requests(traffic: Traffic) -> dict[str, Any]:
    names = Names(traffic.world.config)
    waves = [slates for slates, _ in traffic.shown]
    person = np.concatenate([slates.wave.person for slates in waves])
    return {
        "request_id": [names.request(n) for n in range(traffic.requests)],
        "person": person,
        "surface": [slates.serving.place.name for slates in waves for _ in range(len(slates))],
        "policy": [slates.serving.policy for slates in waves for _ in range(len(slates))],
        "eligible": np.concatenate([slates.eligible_count for slates in waves]),
        "uniform_value": np.concatenate([slates.uniform_value for slates in waves]),
        "is_bot": traffic.world.people.is_bot[person],
    }


def _impressions(traffic: Traffic) -> dict[str, Any]:
    """One row a shown item, with the relevance that the click was drawn from."""
    names = Names(traffic.world.config)
    parts: dict[str, list[Any]] = {
        name: [] for name in ("request", "item", "position", "relevance", "seen", "clicked")
    }
    for slates, outcome in traffic.shown:
        row, slot = np.nonzero(slates.shown)
        parts["request"].append(slates.first_request + row)
        parts["item"].append(slates.choice.items[row, slot])
        parts["position"].append(slot + 1)
        parts["relevance"].append(slates.relevance[row, slot])
        parts["seen"].append(outcome.examined[row, slot])
        parts["clicked"].append(outcome.clicked[row, slot])
    whole = {name: np.concatenate(part) for name, part in parts.items()}
    return {
        "request_id": [names.request(n) for n in whole["request"].tolist()],
        "item_id": [names.item(n) for n in whole["item"].tolist()],
        "position": whole["position"],
        "relevance": whole["relevance"],
        "is_examined": whole["seen"],
        "is_clicked": whole["clicked"],
    }


def _propensities(traffic: Traffic) -> dict[str, Any]:
    """The whole rank-marginal matrix of a few Plackett-Luce requests a wave."""
    names = Names(traffic.world.config)
    rows: dict[str, list[Any]] = {name: [] for name in ("request_id", "item_id", "position", "propensity")}
    for slates, _ in traffic.shown:
        pool, marginals = slates.choice.candidates, slates.choice.marginals
        if pool is None or marginals is None:
            continue
        for n in range(min(_MATRICES_PER_WAVE, len(slates))):
            items, positions = marginals[n].shape
            rows["request_id"] += [names.request(slates.first_request + n)] * (items * positions)
            rows["item_id"] += [names.item(int(i)) for i in pool[n] for _ in range(positions)]
            rows["position"] += list(range(1, positions + 1)) * items
            rows["propensity"] += marginals[n].ravel().tolist()
    return rows


def _events(world: World, events: Columns, received_ms: Ints, is_late: Bools) -> dict[str, Any]:
    names = Names(world.config)
    cause = events["cause_request"].tolist()
    return {
        "event_id": [names.event(n) for n in range(len(cause))],
        "event_type": events["kind"],
        "person": events["person"],
        "item_id": [names.item(n) if n >= 0 else None for n in events["item"].tolist()],
        "cause_request_id": [names.request(n) if n >= 0 else None for n in cause],
        "is_request_logged": events["request_logged"] > 0,
        "is_late": is_late,
        "is_received": received_ms < world.config.end_ms,
        "is_bot": world.people.is_bot[events["person"]],
    }
