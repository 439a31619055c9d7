"""The catalogue's and the user base's logs: a first export, then what is published, changed or signed up."""

from __future__ import annotations

from typing import Any

import numpy as np

from revealed.exploration.rank_marginals import Ints
from revealed.simulation.catalogue_words import FORMATS, FRAMINGS, TOPIC_NAMES, body, title
from revealed.simulation.config import DAY_MS, WorldConfig
from revealed.simulation.lines import Record
from revealed.simulation.names import Names, timestamps
from revealed.simulation.population import DEVICES, NEVER_MS, World

_COUNTRIES = ("DE", "FR", "GB", "NL", "PL")
Dated = list[tuple[int, Record]]


def item_records(world: World) -> Dated:
    """Return (updated_ms, record) of every export: old items on the first day, new ones when published."""
    config, items = world.config, world.items
    rng = config.rng(9)
    published = np.maximum(items.published_ms, config.start_ms)
    records = [(int(published[n]), _item(world, n, rng)) for n in range(len(items))]
    for n in np.flatnonzero(items.withdrawn_ms != NEVER_MS).tolist():
        if published[n] < items.withdrawn_ms[n]:
            records.append((int(items.withdrawn_ms[n]), {**records[n][1], "is_available": False}))
    for n in np.flatnonzero(~np.isnan(items.price) & (rng.random(len(items)) < 0.15)).tolist():
        cheaper = {**records[n][1], "price": round(float(items.price[n]) * 0.9, 2)}
        changed = int(published[n]) + int(rng.integers(1, 5)) * DAY_MS
        if items.withdrawn_ms[n] == NEVER_MS:
            records.append((changed, cheaper))
    return _stamped(records, config)


def _item(world: World, n: int, rng: np.random.Generator) -> Record:
    items = world.items
    topic, framing = TOPIC_NAMES[items.topic[n]], FRAMINGS[items.framing[n]]
    first, second, *picks = rng.integers(0, 8, 32).tolist()
    record: Record = {
        "item_id": Names(world.config).item(n),
        "title": title(topic, framing, first, second + (first == second)),
        "text": body(topic, TOPIC_NAMES[items.second_topic[n]], picks),
        "topic": topic,
        "format": FORMATS[items.format[n]],
        "framing": framing,
        "author": f"author-{int(items.author[n]):02d}",
        "published_at": timestamps(items.published_ms[n : n + 1])[0],
    }
    if not np.isnan(items.price[n]):
        record["price"] = float(items.price[n])
    record["expected_dwell_s"] = float(items.expected_dwell_s[n])
    record["is_available"] = True
    return record


def user_records(world: World) -> Dated:
    """Return (updated_ms, record) of everyone with an account, from export or sign-up on."""
    config, people = world.config, world.people
    rng = config.rng(10)
    country = rng.choice(len(_COUNTRIES), len(people), p=(0.3, 0.2, 0.2, 0.15, 0.15))
    age = rng.integers(1, 900, len(people)) * DAY_MS
    upgrades = rng.random(len(people)) < 0.05
    upgrade_ms = config.start_ms + rng.integers(
        DAY_MS, max(DAY_MS + 1, (config.days - 1) * DAY_MS), len(people)
    )
    records = []
    for p in np.flatnonzero(people.identified_ms < config.end_ms).tolist():
        signed_up = int(people.identified_ms[p]) or config.start_ms - int(age[p])
        since = max(signed_up, config.start_ms)
        attributes = {"country": _COUNTRIES[country[p]], "device": DEVICES[people.device[p]], "plan": "free"}
        first = timestamps(np.array([signed_up]))[0]
        record: Record = {"user_id": Names(config).user(p), "attributes": attributes, "first_seen_at": first}
        records.append((since, record))
        if upgrades[p] and upgrade_ms[p] > since:
            paying = {**record, "attributes": {**attributes, "plan": "member"}}
            records.append((int(upgrade_ms[p]), paying))
    return _stamped(records, config)


def _stamped(records: Dated, config: WorldConfig) -> Dated:
    """Add updated_at, received_at (within a minute) and the version; leave out what comes after the end."""
    within = sorted(
        ((at, n) for n, (at, _) in enumerate(records) if at + 60_000 < config.end_ms), key=lambda pair: pair
    )
    stamped: Dated = []
    for order, (at, n) in enumerate(within):
        received = at + 1_000 + order % 59_000
        times = timestamps(_pair(at, received))
        extra: dict[str, Any] = {"updated_at": times[0], "received_at": times[1], "schema_version": 1}
        stamped.append((received, {**records[n][1], **extra}))
    return stamped


def _pair(first: int, second: int) -> Ints:
    return np.array([first, second], dtype=np.int64)
