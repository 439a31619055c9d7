"""A world whose true preferences are known, written as the logs of a service that showed some items far more than others.

The truth is a probability for each person and item. What is shown depends on the item alone, by a power law; what is shown
and looked at is clicked with that probability. So clicks mix what people like with what they were shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from revealed.durable import write_bytes

AS_OF = datetime(2026, 1, 8, tzinfo=UTC)
# The last showing is older than a day, so that its being passed over counts.
_FIRST_DAY = datetime(2026, 1, 3, tzinfo=UTC)
_DAYS = 3
_RANK = 4
_SPREAD, _MIDDLE = 3.0, -2.0
_SEEN_A_REQUEST = 5
_READING_MS = 60_000

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class DebiasingWorld:
    """Persons (rows) and items (columns).

    `relevance` is the true probability of a click on looking, `is_seen` what was shown and looked at, once each, and
    `is_clicked` what came of it. `is_unseen` was listed too far down to be looked at.
    """

    relevance: Floats
    is_seen: Bools
    is_clicked: Bools
    is_unseen: Bools

    def user(self, n: int) -> str:
        """Return the id of a person; ids sort as their numbers do."""
        return f"u{n:06d}"

    def item(self, n: int) -> str:
        """Return the id of an item; ids sort as their numbers do."""
        return f"i{n:06d}"


def draw_world(seed: int, users: int, items: int, clicks: float = 3.8) -> DebiasingWorld:
    """Return a world with `clicks` clicks a person on average (science.md d)."""
    rng = np.random.default_rng(seed)
    taste, nature = rng.normal(size=(users, _RANK)), rng.normal(size=(items, _RANK))
    relevance = 1 / (1 + np.exp(-(taste @ nature.T / np.sqrt(_RANK) * _SPREAD + _MIDDLE)))
    power_law = rng.permutation(1.0 / np.arange(1, items + 1))
    exposure = _scaled(power_law, relevance.mean(axis=0), clicks)
    drawn = rng.random((users, items))
    is_seen = drawn < exposure
    return DebiasingWorld(
        relevance=relevance,
        is_seen=is_seen,
        is_clicked=is_seen & (rng.random((users, items)) < relevance),
        is_unseen=~is_seen & (drawn < 1.4 * exposure),
    )


def _scaled(shape: Floats, mean_relevance: Floats, clicks: float) -> Floats:
    """Return min(1, a * shape) with the `a` that gives so many clicks a person."""
    low, high = 0.0, 1e4
    for _ in range(80):
        middle = (low + high) / 2
        enough = (np.minimum(1, shape * middle) * mean_relevance).sum() >= clicks
        low, high = (low, middle) if enough else (middle, high)
    scaled: Floats = np.minimum(1, shape * high)
    return scaled


def write_logs(world: DebiasingWorld, landing: Path, seed: int) -> None:
    """Write the world as JSON lines under `landing`: requests, what was looked at, and clicks read for a minute."""
    rng = np.random.default_rng([seed, 1])
    requests: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    for user in range(world.relevance.shape[0]):
        for number, (seen, unseen) in enumerate(_slates(world, user, rng)):
            shown_at = _FIRST_DAY + timedelta(seconds=float(rng.uniform(0, _DAYS * 86400)))
            request = _request(world, user, number, [*seen, *unseen], shown_at)
            requests.append(request)
            events += _events(world, user, request["request_id"], seen, shown_at)
    for log, records in (("inferences", requests), ("events", events)):
        lines = "".join(json.dumps(record) + "\n" for record in records)
        (landing / log).mkdir(parents=True, exist_ok=True)
        write_bytes(landing / log / f"{log}.jsonl", lines.encode())


def _slates(
    world: DebiasingWorld, user: int, rng: np.random.Generator
) -> Iterator[tuple[list[int], list[int]]]:
    """Yield what one person was shown, a request at a time: the items that were looked at, and those below them."""
    seen = rng.permutation(np.flatnonzero(world.is_seen[user]))
    unseen = rng.permutation(np.flatnonzero(world.is_unseen[user]))
    requests = -(-len(seen) // _SEEN_A_REQUEST)
    for number in range(requests):
        yield (
            seen[number * _SEEN_A_REQUEST : (number + 1) * _SEEN_A_REQUEST].tolist(),
            unseen[number::requests].tolist(),
        )


def _request(
    world: DebiasingWorld, user: int, number: int, items: list[int], shown_at: datetime
) -> dict[str, Any]:
    return {
        "request_id": f"r{user:06d}-{number}",
        "occurred_at": shown_at.isoformat(),
        "user_id": world.user(user),
        "surface": "home",
        "model_name": "power-law",
        "model_version": "1",
        "policy": "popularity",
        "items": [{"item_id": world.item(item), "position": place} for place, item in enumerate(items, 1)],
    }


def _events(
    world: DebiasingWorld, user: int, request_id: str, seen: list[int], shown_at: datetime
) -> Iterator[dict[str, Any]]:
    for place, item in enumerate(seen, 1):
        moment = shown_at + timedelta(seconds=90 * place)
        event = {
            "event_id": f"{request_id}-{place}",
            "event_type": "impression",
            "occurred_at": moment.isoformat(),
            "user_id": world.user(user),
            "item_id": world.item(item),
            "request_id": request_id,
            "position": place,
            "surface": "home",
        }
        yield event
        if world.is_clicked[user, item]:
            clicked_at = (moment + timedelta(seconds=2)).isoformat()
            click = {"event_id": f"{event['event_id']}c", "event_type": "click", "occurred_at": clicked_at}
            yield event | click | {"dwell_ms": _READING_MS}
