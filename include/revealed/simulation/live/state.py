"""Where the lived world stands: kept in the home after every simulated hour, so that the next run goes on from there."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from revealed import durable
from revealed.errors import MissingInputError
from revealed.settings import Settings
from revealed.simulation.config import WorldConfig
from revealed.simulation.live.parcels import Outbox, Parcel
from revealed.simulation.names import Names
from revealed.simulation.population import Bools, World
from revealed.simulation.world import read_config, truth_folder, world_folder


@dataclass
class LiveState:
    """The next hour to live, what waits to be sent, and what people have read live.

    Attributes:
        run: how often somebody has gone on with this world; it keeps the ids of runs apart.
        day: the next day, counted from the world's first.
        hour: the next hour of that day.
        clicked: (person, item) of each live click.
        outbox: parcels whose time has not come.
        lived: what each day came to (`LiveDay.to_dict`), in order; a day that was broken off has two entries.
    """

    day: int
    run: int = 0
    hour: int = 0
    clicked: list[tuple[int, int]] = field(default_factory=list)
    outbox: Outbox = field(default_factory=Outbox)
    lived: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        waiting = [parcel.to_dict() for parcel in self.outbox.waiting]
        return {
            "run": self.run,
            "day": self.day,
            "hour": self.hour,
            "clicked": self.clicked,
            "waiting": waiting,
            "lived": self.lived,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> LiveState:
        """Return what `to_dict` described."""
        return cls(
            day=data["day"],
            run=data["run"],
            hour=data["hour"],
            clicked=[(person, item) for person, item in data["clicked"]],
            lived=data["lived"],
            outbox=Outbox([Parcel.from_dict(parcel) for parcel in data["waiting"]]),
        )


def state_file(settings: Settings) -> Path:
    """Return where the state is kept."""
    return world_folder(settings.landing) / "live.json"


def read_world(settings: Settings) -> WorldConfig:
    """Return the world that was written in this home.

    Raises:
        MissingInputError: none was.
    """
    if not truth_folder(settings.landing).is_dir():
        raise MissingInputError(
            "no world has been simulated in this home, so nobody lives here",
            where=str(world_folder(settings.landing)),
            remedy="run `revealed simulate` first; the gateway has to serve what was learnt from its logs",
        )
    return read_config(settings)


def read_state(settings: Settings, config: WorldConfig) -> LiveState:
    """Return where the live world stands: at its beginning, the day after the written days."""
    path = state_file(settings)
    return LiveState.from_dict(json.loads(path.read_text())) if path.exists() else LiveState(day=config.days)


def begin_run(settings: Settings, config: WorldConfig) -> LiveState:
    """Return the state for another run, kept as begun.

    Devices have forgotten under which key they had sent what they will send again: a key counts for one token, and a
    run may come with another.
    """
    state = read_state(settings, config)
    state.run += 1
    state.outbox.waiting = [
        replace(parcel, key=None, is_repeated=False) if parcel.is_repeated else parcel
        for parcel in state.outbox.waiting
    ]
    write_state(settings, state)
    return state


def read_next_day(settings: Settings) -> date:
    """Return the day that people live next (or have begun).

    Raises:
        MissingInputError: this home has no world.
    """
    config = read_world(settings)
    return config.day(read_state(settings, config).day)


def read_lived_days(settings: Settings) -> list[dict[str, Any]]:
    """Return what each day that was lived in this home came to (`LiveDay.to_dict`), in order."""
    path = state_file(settings)
    return LiveState.from_dict(json.loads(path.read_text())).lived if path.exists() else []


def write_state(settings: Settings, state: LiveState) -> None:
    """Keep the state, whole and durable."""
    durable.write_json(state_file(settings), state.to_dict())


def used_up(settings: Settings, world: World, state: LiveState) -> Bools:
    """Return `[people, items]`: what each person has read, in the written days or live; nobody clicks on it again."""
    used = np.zeros((len(world.people), len(world.items)), dtype=bool)
    folder = truth_folder(settings.landing)
    requests = pq.read_table(folder / "requests.parquet", columns=["request_id", "person"]).to_pydict()
    person_of = dict(zip(requests["request_id"], requests["person"], strict=True))
    columns = ["request_id", "item_id", "is_clicked"]
    seen = pq.read_table(folder / "impressions.parquet", columns=columns).to_pylist()
    number = item_numbers(world)
    clicked = [(person_of[row["request_id"]], number[row["item_id"]]) for row in seen if row["is_clicked"]]
    for person, item in [*clicked, *state.clicked]:
        used[person, item] = True
    return used


def item_numbers(world: World) -> dict[str, int]:
    """Return each item's number by its id."""
    names = Names(world.config)
    return {names.item(n): n for n in range(len(world.items))}
