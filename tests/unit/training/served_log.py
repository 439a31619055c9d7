"""A log that a contender wrote as if it were in service: drawn, request by request, as the gateway draws."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
from planted_world import World, user_id

from revealed.exploration.policy import slate
from revealed.exploration.pool_marginals import pool_marginals, pool_size
from revealed.feedback import DatasetManifest
from revealed.publishing.list_files import list_utilities
from revealed.publishing.service import Service
from revealed.training.matrix import Interactions
from revealed.training.protocol import NOTHING
from revealed.training.serving import Server

LENGTHS = {"home": 5, "email": 3}


@dataclass
class ServedLog:
    """Who serves whom.

    Satisfied with half of what is of their taste, a third less with each further position.

    Attributes:
        world, dataset, fold: of the trial.
        service: how lists are served.
        server: the contender that writes the log.
        asked: another one, whose value in the same situations is worked out beside.
        asked_service: how that one's lists would be served.
        rows: what was shown.
        situations: of each request, what the asked one's value takes: its list, what is gone from it, who it is and where.
    """

    world: World
    dataset: DatasetManifest
    fold: Interactions
    service: Service
    server: Server
    asked: Server
    asked_service: Service
    pins: dict[int, str] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    situations: list[tuple[Any, ...]] = field(default_factory=list)

    def write(self, requests: int, seed: int = 1) -> None:
        """Answer so many requests, and put what was shown into the dataset in place of its impressions."""
        random = np.random.default_rng(seed)
        lists, asked = self._lists(self.server, self.service), self._lists(self.asked, self.asked_service)
        gone: dict[int, set[str]] = {}
        start = self.world.as_of - timedelta(days=2)
        for number in range(requests):
            user, surface = int(random.integers(len(self.fold.users))), ("home", "email")[number % 2]
            without = gone.setdefault(user, set())
            shown = self._shown(random, lists[user], without, surface)
            self.situations.append((asked[user], set(without), user, surface))
            for position, (item, propensity) in enumerate(shown, start=1):
                satisfied = bool(random.random() < self.chance(user, item, position))
                self.rows.append(
                    self._row(number, user, item, position)
                    | {
                        "surface": surface,
                        "propensity": propensity,
                        "occurred_at": start + timedelta(minutes=number),
                    }
                    | {"is_clicked": satisfied, "is_satisfied": satisfied}
                )
            without |= {row["item_id"] for row in self.rows[-len(shown) :] if row["is_clicked"]}
        frame = pd.DataFrame(self.rows).sample(frac=1, random_state=seed)
        frame.to_parquet(self.dataset.file("fold_impressions.parquet"))

    def value(self) -> float:
        """What the asked contender earns a shown item, in expectation, in the situations of this log."""
        earned = sum(self._value(*situation) for situation in self.situations)
        return earned / sum(row["propensity"] < 1 for row in self.rows)

    def chance(self, user: int, item: str, position: int) -> float:
        """How likely somebody is satisfied with an item at a position."""
        own = int(item[1:]) % self.world.tastes == int(self.fold.users[user][1:]) % self.world.tastes
        return 0.5 * own * (2 / 3) ** (position - 1)

    def _lists(self, server: Server, service: Service) -> list[tuple[list[str], np.ndarray]]:
        hidden = service.catalogue.hidden
        served = server.without(hidden).lists(np.arange(len(self.fold.users)), service.depth)
        utilities, space = list_utilities(served), server.space
        return [
            ([str(space[item]) for item in row[row != NOTHING]], worth[row != NOTHING].astype(float))
            for row, worth in zip(served.items, utilities, strict=True)
        ]

    def _open(self, listed: tuple[list[str], np.ndarray], without: set[str]) -> tuple[list[str], np.ndarray]:
        kept = [at for at, item in enumerate(listed[0]) if item not in without | set(self.pins.values())]
        return [listed[0][at] for at in kept], listed[1][kept]

    def _shown(
        self,
        random: np.random.Generator,
        listed: tuple[list[str], np.ndarray],
        without: set[str],
        surface: str,
    ) -> list[tuple[str, float]]:
        items, utilities = self._open(listed, without)
        free = LENGTHS[surface] - sum(position < LENGTHS[surface] for position in self.pins)
        drawn = slate(random, utilities, free, self.service.explorations.on(surface))
        shown = [
            (items[at], float(chance)) for at, chance in zip(drawn.order, drawn.propensities, strict=True)
        ]
        for position, item in sorted(self.pins.items()):
            if position < LENGTHS[surface]:
                shown.insert(position, (item, 1.0))
        return shown

    def _value(
        self, listed: tuple[list[str], np.ndarray], without: set[str], user: int, surface: str
    ) -> float:
        items, utilities = self._open(listed, without)
        places = [place for place in range(LENGTHS[surface]) if place not in self.pins]
        way = self.asked_service.explorations.on(surface)
        pool = utilities[: pool_size(way, len(places))]
        chances = pool_marginals(pool[None], len(places), way)[0]
        satisfied = [self.chance(user, item, 1) for item in items[: len(pool)]]
        return float(np.array(satisfied) @ chances @ (2 / 3) ** np.array(places))

    def _row(self, number: int, user: int, item: str, position: int) -> dict[str, Any]:
        return {
            "request_id": f"x{number:05d}",
            "item_id": item,
            "user_id": user_id(int(self.fold.users[user][1:])),
            "position": position,
            "model_version": "7",
            "policy": "plackett_luce",
            "is_hidden": False,
        }
