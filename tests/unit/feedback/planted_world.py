"""A small warehouse whose truth is known: people of a few tastes, items of the same few, and what each came to like."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from revealed.settings import Settings

AS_OF = datetime.fromisoformat("2026-02-01")
HOLDOUT_DAYS = 7
POLICY = "2026-01"
SCHEMA = """
    create schema marts;
    create schema intermediate;
    create schema policy;
    create schema ops;
    create table ops.ledger (sha256 varchar);
    insert into ops.ledger values ('b'), ('a');
    create table policy.signal_policy (event_type varchar, is_engagement boolean);
    insert into policy.signal_policy values ('click', true), ('impression', false);
    create table intermediate.int_impressions_resolved (
        request_id varchar, item_id varchar, actor_id varchar, logged_actor_id varchar, identity_known_at timestamp,
        query varchar
    );
    create table marts.fct_events (
        event_id varchar, event_type varchar, actor_id varchar, logged_actor_id varchar, identity_known_at timestamp,
        item_id varchar, received_at timestamp
    );
    create table marts.feedback_pairs (
        pair_id varchar, request_id varchar, user_id varchar, surface varchar, model_version varchar, policy varchar,
        occurred_at timestamp, chosen_item_id varchar, rejected_item_id varchar, chosen_position integer,
        rejected_position integer, weight double, source varchar, policy_version varchar, as_of timestamp
    );
"""


@dataclass(frozen=True)
class World:
    """Users and items have one of `tastes` each, by their number; `train` and `test` are what users came to like.

    A user's choices are from the own taste with probability `loyalty`; `crowd` > 0 makes the first items popular with
    all (Zipf's law with that exponent). The catalogue ends with `unmet` items that nobody has met. `explored` requests of
    the test period are answered by three places of a uniform permutation, whose propensities are logged; people are
    satisfied with half of what is of their taste.
    """

    users: int = 240
    items: int = 90
    tastes: int = 3
    seed: int = 5
    loyalty: float = 0.9
    crowd: float = 0.0
    unmet: int = 0
    as_of: datetime = AS_OF
    explored: int = 0
    train: list[tuple[int, int]] = field(default_factory=list)
    test: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        random = np.random.default_rng(self.seed)
        for user in range(self.users):
            own = np.arange(self.items) % self.tastes == user % self.tastes
            others = max(int((~own).sum()), 1)
            weight = np.where(own, self.loyalty / own.sum(), (1 - self.loyalty) / others)
            weight = weight / np.arange(1, self.items + 1) ** self.crowd
            liked = random.choice(self.items, size=14, replace=False, p=weight / weight.sum())
            liked = random.permutation(liked)
            self.train.extend((user, int(item)) for item in liked[:10])
            self.test.extend((user, int(item)) for item in liked[10:])


def user_id(user: int) -> str:
    return f"u{user:04d}"


def item_id(item: int) -> str:
    return f"i{item:04d}"


def feedback(world: World, pairs: list[tuple[int, int]], as_of: datetime) -> pd.DataFrame:
    """One row a pair, liked twice as much by even users; user 0 also hides item 1 and has scrolled past item 2."""
    rows = [_pair(user, item, 1.0 + user % 2, 0.0, as_of) for user, item in pairs]
    taken = {item for user, item in pairs if user == 0}
    if 1 not in taken:
        rows.append(_pair(0, 1, 0.0, 10.0, as_of) | {"is_hidden": True, "is_consumed": False})
    if 2 not in taken:
        rows.append(_pair(0, 2, 0.0, 0.1, as_of) | {"is_consumed": False, "events": 0})
    return pd.DataFrame(rows)


def _pair(user: int, item: int, positive: float, negative: float, as_of: datetime) -> dict[str, Any]:
    liked = positive >= negative
    strength = abs(positive - negative)
    return {
        "user_id": user_id(user),
        "item_id": item_id(item),
        "preference": int(liked),
        "confidence": 1 + 10 * strength if liked else -(1 + 2 * strength),
        "positive_evidence": positive,
        "negative_evidence": negative,
        "events": 1,
        "impressions": 1,
        "skipped_impressions": int(not liked),
        "dwell_ms": 1000,
        "signal_weight": positive,
        "recency_factor": 1.0,
        "dwell_factor": 1.0,
        "is_consumed": True,
        "is_hidden": False,
        "first_event_at": as_of - timedelta(days=10),
        "last_event_at": as_of - timedelta(days=9),
        "policy_version": POLICY,
        "as_of": as_of,
    }


def write_warehouse(path: Path, world: World, *, published: bool = True) -> Path:
    """Write the marts that a feedback dataset is made from, and a manifest beside them as a publish would."""
    split = world.as_of - timedelta(days=HOLDOUT_DAYS)
    test = pd.DataFrame(
        {
            "user_id": [user_id(user) for user, _ in world.test],
            "item_id": [item_id(item) for _, item in world.test],
            "positive_evidence": 1.0,
            "first_event_at": split + timedelta(days=1),
        }
    )
    tables = {
        "feedback_user_item": feedback(world, world.train + world.test, world.as_of),
        "feedback_fold_train": feedback(world, world.train, split),
        "feedback_fold_test": test,
        "dim_items": items(world),
        "fct_impressions": impressions(world),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    con = duckdb.connect(str(path))
    con.execute(SCHEMA)
    for name, frame in tables.items():
        con.register("frame", frame.sample(frac=1, random_state=world.seed))
        con.execute(f"create table marts.{name} as select * from frame")
        con.unregister("frame")
    con.close()
    if published:
        manifest = {"generation": 4, "content": {}, "audit": {"passed": True}}
        path.with_name("manifest.json").write_text(json.dumps(manifest))
    return path


def items(world: World) -> pd.DataFrame:
    """Every item with its taste as topic; item 3 is not available any more."""
    catalogue = range(world.items + world.unmet)
    return pd.DataFrame(
        {
            "item_id": [item_id(item) for item in catalogue],
            "title": [f"Item {item}" for item in catalogue],
            "text": [f"About taste {item % world.tastes}." for item in catalogue],
            "published_at": AS_OF - timedelta(days=60),
            "topic": [f"taste {item % world.tastes}" for item in catalogue],
            "is_available": [item != 3 for item in catalogue],
        }
    )


def impressions(world: World) -> pd.DataFrame:
    """What was shown since the split: the liked pairs, with unknown propensities, and the explored requests."""
    shown = [_liked_impressions(world)] + ([_explored_impressions(world)] if world.explored else [])
    return pd.concat(shown, ignore_index=True)


def _explored_impressions(world: World) -> pd.DataFrame:
    random = np.random.default_rng(world.seed + 1)
    user = np.repeat(random.integers(0, world.users, world.explored), 3)
    item = np.concatenate([random.permutation(world.items)[:3] for _ in range(world.explored)])
    liked = (item % world.tastes == user % world.tastes) & (random.random(len(item)) < 0.5)
    return pd.DataFrame(
        {
            "request_id": [f"x{number:05d}" for number in np.arange(len(item)) // 3],
            "position": np.tile([1, 2, 3], world.explored),
            "propensity": 1.0 / world.items,
            "model_version": "v1",
            "policy": "uniform",
            "is_satisfied": liked,
            "is_hidden": False,
            "is_click_mature": True,
            "surface": "home",
            "item_id": [item_id(int(number)) for number in item],
            "actor_id": [user_id(int(number)) for number in user],
            "occurred_at": world.as_of - timedelta(days=2),
            "is_clicked": liked,
            "is_clickbait": False,
            "is_bot": False,
        }
    )


def _liked_impressions(world: World) -> pd.DataFrame:
    """One clicked impression for each liked pair of the test period, on two surfaces; nobody knows with what propensity."""
    return pd.DataFrame(
        {
            "request_id": [f"r{number:05d}" for number in range(len(world.test))],
            "position": 1,
            "propensity": pd.Series([None] * len(world.test), dtype="float64"),
            "model_version": "v1",
            "policy": "unknown",
            "is_satisfied": True,
            "is_hidden": False,
            "is_click_mature": True,
            "surface": ["home" if user % 2 else "search" for user, _ in world.test],
            "item_id": [item_id(item) for _, item in world.test],
            "actor_id": [user_id(user) for user, _ in world.test],
            "occurred_at": world.as_of - timedelta(days=2),
            "is_clicked": True,
            "is_clickbait": False,
            "is_bot": False,
        }
    )


def settings_in(home: Path, **changes: Any) -> Settings:
    """Settings of a fresh home, with lists that are short enough for a small world."""
    values: dict[str, Any] = {
        "recommendations_per_user": 20,
        "holdout_days": HOLDOUT_DAYS,
        "keep_generations": 2,
    }
    return Settings(home=home, project_root=home, **(values | changes))
