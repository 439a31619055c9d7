"""A warehouse with lists and what came of them, in the columns that the reward model reads; every time is a whole hour."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from planted_world import World, settings_in, write_warehouse
from scipy.special import expit

from revealed.feedback import write_dataset
from revealed.settings import Settings

START = pd.Timestamp("2026-01-01")
TOPICS = ("cats", "dogs", "birds")
PEOPLE, ITEMS, REQUESTS, SLOTS = 200, 60, 3_000, 5


@dataclass(frozen=True)
class Log:
    """Tables as rows: `events`, `shown` and `pairs`; `items` is the catalogue."""

    events: pd.DataFrame
    shown: pd.DataFrame
    pairs: pd.DataFrame
    items: pd.DataFrame


def catalogue(seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    topics = [TOPICS[n % 3] for n in range(ITEMS)]
    return pd.DataFrame(
        {
            "item_id": [f"i{n:03d}" for n in range(ITEMS)],
            "title": [f"On {topic}" for topic in topics],
            "text": [f"{topic} and more {topic}" for topic in topics],
            "topic": topics,
            "format": ["article" if n % 2 else "video" for n in range(ITEMS)],
            "author": [f"a{n % 7}" for n in range(ITEMS)],
            "published_at": START - pd.to_timedelta(random.integers(0, 900, ITEMS), unit="h"),
            "price": [None if n % 4 else float(n) for n in range(ITEMS)],
            "expected_dwell_s": random.uniform(10, 300, ITEMS),
            "is_available": True,
        }
    )


@cache
def planted_log(seed: int = 3) -> Log:
    """People who prefer one topic by two units of log odds, and new items a little; half of all lists give a pair."""
    random = np.random.default_rng(seed)
    items = catalogue(seed)
    topic = np.arange(ITEMS) % 3
    age = -(items["published_at"] - START).dt.total_seconds().to_numpy() / 3_600
    hours = np.sort(random.integers(0, 24 * 28, REQUESTS))
    shown, events, pairs = [], [], []
    for number, hour in enumerate(hours.tolist()):
        person = int(random.integers(0, PEOPLE))
        slate = random.choice(ITEMS, SLOTS, replace=False)
        worth = 2.0 * (topic[slate] == person % 3) - age[slate] / 900
        liked = random.random(SLOTS) < expit(worth - 1)
        at = START + pd.Timedelta(hours=hour)
        for place, item in enumerate(slate.tolist()):
            shown.append(_showing(number, person, item, place, at, bool(liked[place])))
            if liked[place]:
                events.append(_event(len(events), number, person, item, at))
        if liked.any() and not liked.all():
            first, second = slate[liked][0], slate[~liked][0]
            pairs.append(_pair(number, person, int(first), int(second), at))
    return Log(pd.DataFrame(events), pd.DataFrame(shown), pd.DataFrame(pairs), items)


def _showing(
    number: int, person: int, item: int, place: int, at: pd.Timestamp, liked: bool
) -> dict[str, Any]:
    return {
        "request_id": f"r{number:05d}",
        "item_id": f"i{item:03d}",
        "position": place + 1,
        "impression_date": at.date(),
        "occurred_at": at,
        "received_at": at,
        "actor_id": f"u{person:04d}",
        "logged_actor_id": f"u{person:04d}",
        "identity_known_at": pd.NaT,
        "score": 1.0 / (place + 1),
        "query": "",
        "surface": "home",
        "is_clicked": liked,
        "is_clickbait": False,
        "is_satisfied": liked,
        "is_mature": True,
        "is_click_mature": True,
        "is_hidden": False,
        "propensity": 0.1,
        "model_version": "1",
        "policy": "p",
        "is_bot": person == 0,
    }


def _event(number: int, request: int, person: int, item: int, at: pd.Timestamp) -> dict[str, Any]:
    return {
        "event_id": f"e{number:06d}",
        "event_type": "thumbs_up" if number % 5 == 0 else "click",
        "polarity": "positive",
        "actor_id": f"u{person:04d}",
        "logged_actor_id": f"u{person:04d}",
        "identity_known_at": pd.NaT,
        "item_id": f"i{item:03d}",
        "occurred_at": at + pd.Timedelta(hours=1),
        "received_at": at + pd.Timedelta(hours=1),
        "matched_request_id": f"r{request:05d}",
        "matched_item_id": f"i{item:03d}",
        "is_bot": person == 0,
    }


def _pair(request: int, person: int, chosen: int, rejected: int, at: pd.Timestamp) -> dict[str, Any]:
    return {
        "pair_id": f"p{request:05d}",
        "request_id": f"r{request:05d}",
        "user_id": f"u{person:04d}",
        "surface": "home",
        "model_version": "1",
        "policy": "p",
        "occurred_at": at,
        "chosen_item_id": f"i{chosen:03d}",
        "rejected_item_id": f"i{rejected:03d}",
        "chosen_position": 1,
        "rejected_position": 2,
        "weight": 1.0,
        "source": "explicit" if request % 10 == 0 else "engaged_over_skipped",
        "policy_version": "2026-01",
        "as_of": pd.Timestamp("2026-02-01"),
    }


def replace_tables(con: duckdb.DuckDBPyConnection, log: Log) -> None:
    """Put the log's tables in the place of the planted world's."""
    tables = {
        "marts.fct_events": log.events,
        "marts.fct_impressions": log.shown.drop(columns=["logged_actor_id", "identity_known_at"]),
        "intermediate.int_impressions_resolved": log.shown,
        "marts.feedback_pairs": log.pairs,
        "marts.dim_items": log.items,
        "policy.signal_policy": pd.DataFrame(
            {
                "event_type": ["click", "thumbs_up"],
                "is_engagement": [True, True],
                "anchor_strength": [None, 1.0],
            }
        ),
    }
    for name, frame in tables.items():
        con.register("frame", frame)
        con.execute(f"create or replace table {name} as select * from frame")
        if "identity_known_at" in frame.columns:
            con.execute(f"alter table {name} alter identity_known_at type timestamp")
        con.unregister("frame")


def reward_home(home: Path, log: Log) -> Settings:
    """A home with a published warehouse and a dataset of the log's pairs."""
    settings = settings_in(home)
    path = write_warehouse(home / "w" / "warehouse.duckdb", World(users=30, items=20))
    con = duckdb.connect(str(path))
    replace_tables(con, log)
    con.close()
    settings.published.mkdir(parents=True)
    settings.published_warehouse.symlink_to(path)
    write_dataset(settings, path)
    return settings
