"""A generation of a learning arm through the platform: logs, landing, dbt, audit, dataset, ALS and the snapshot's lists.

The steps of `revealed.loop` without MLflow: the recipe of the model is fixed, so that there is nothing to tune, to compare
or to approve. What people are shown comes from the `recommendations.parquet` that publishing writes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from revealed.benchmarks.closed_loop_arms import STATIC, Arm
from revealed.benchmarks.closed_loop_world import FeedServing, catalogue_records
from revealed.durable import write_bytes
from revealed.engines.duckdb import connect
from revealed.exploration.rank_marginals import Floats, Ints
from revealed.feedback import DatasetManifest, write_dataset
from revealed.landing import ingest_landing
from revealed.progress import Progress, quiet
from revealed.publishing.catalogue import Catalogue, read_catalogue, write_items
from revealed.publishing.discovery import Draws, with_discovery
from revealed.publishing.fallbacks import write_fallbacks
from revealed.publishing.files import write_recommendations
from revealed.publishing.manifest import FALLBACKS, RECOMMENDATIONS
from revealed.publishing.ruled_lists import RuledLists
from revealed.publishing.rules import UNSCORED, Rules
from revealed.publishing.utility import utilities
from revealed.settings import Settings
from revealed.simulation.happenings import Traffic
from revealed.simulation.lines import Record, event_records, inference_records
from revealed.simulation.names import Names
from revealed.simulation.population import World
from revealed.training.als import ImplicitALS
from revealed.training.device import Device
from revealed.training.known import Known, known_at_end
from revealed.training.popularity import Popularity
from revealed.training.protocol import NOTHING
from revealed.warehouse import (
    audit_candidate,
    finish_candidate,
    prepare_candidate,
    publish_candidate,
    run_dbt,
)

_DELAY_MS = 1_000
FACTORS, REGULARIZATION = 32, 100.0


@dataclass
class Platform:
    """The platform of one arm: a home of its own, and what has been sent to it.

    Attributes:
        settings: of that home.
        world: for names and the catalogue's texts; the truth in it is not touched.
        arm: what it logs.
        told: whether the catalogue says what items are about.
        k: length of a person's list.
        sent_until: epoch milliseconds before which everything received has landed.
        cold_items: of each generation, what content was found good for in placing new items.
    """

    settings: Settings
    world: World
    arm: Arm = STATIC
    told: bool = True
    k: int = 100
    sent_until: int = 0
    dataset: DatasetManifest | None = None
    cold_items: list[dict[str, Any]] = field(default_factory=list)

    def learn(self, traffic: Traffic, until_ms: int, progress: Progress = quiet) -> None:
        """Send what happened before `until_ms`, and freeze what follows from it as the newest dataset."""
        self._send(traffic, until_ms)
        ingest_landing(self.settings)
        self.dataset = self._build(datetime.fromtimestamp(until_ms / 1000, UTC), progress)

    def make_lists(self, generation: int) -> Floats:
        """Train on the newest dataset and write the lists of a generation.

        Returns:
            `[people, items]`: utilities as exploration takes them, minus infinity for what a list does not hold.
        """
        dataset = self.dataset
        assert dataset is not None
        folder = self.settings.published_recommendations / f"{generation:06d}"
        folder.mkdir(parents=True)
        self._write_lists(folder, dataset, generation)
        return self._utilities(folder)

    def examination(self) -> list[dict[str, Any]]:
        """Return the curve in service: `position`, `examination` (null where refused), `method`, `reason`."""
        con = connect(self.settings, self.settings.published_warehouse.resolve(), read_only=True)
        try:
            found = con.execute(
                "select position, examination, method, reason from marts.rpt_position_bias order by position"
            )
            names = [column[0] for column in found.description]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
        finally:
            con.close()

    def _send(self, traffic: Traffic, until_ms: int) -> None:
        world = self.world
        events = traffic.log.columns()
        received = events["at_ms"] + _DELAY_MS
        asked = np.concatenate([slates.wave.at_ms for slates, _ in traffic.shown]) + _DELAY_MS
        requests = inference_records(traffic, asked, [10.0] * traffic.requests)
        served = [slates.serving for slates, _ in traffic.shown for _ in range(len(slates))]
        for request, who in zip(requests, served, strict=True):
            assert isinstance(who, FeedServing)
            self._edit(request, f"{who.generation:06d}")
        items = catalogue_records(world, self.told)
        for log, records, times in (
            ("events", event_records(world, events, received), received),
            ("inferences", requests, asked),
            ("items", [record for _, record in items], np.array([at for at, _ in items])),
        ):
            self._land(log, records, times, until_ms)
        self.sent_until = until_ms

    def _edit(self, request: Record, generation: str) -> None:
        """Say which snapshot answered, and leave out what this arm does not log; the static list knows neither."""
        request["model_version"] = request["snapshot_id"] = generation
        learned = request["model_name"] == "als"
        for item in request["items"]:
            if not (learned and self.arm.logs_scores):
                item.pop("score", None)

    def _land(self, log: str, records: list[Record], received: Ints, until_ms: int) -> None:
        """Write what was received since the last time and before `until_ms`, as a file of the log."""
        now = np.flatnonzero((received >= self.sent_until) & (received < until_ms))
        folder = self.settings.landing / log
        folder.mkdir(parents=True, exist_ok=True)
        lines = "".join(json.dumps(records[n], allow_nan=False) + "\n" for n in now.tolist())
        if lines:
            write_bytes(folder / f"{log}-{until_ms}.jsonl", lines.encode())

    def _build(self, as_of: datetime, progress: Progress) -> DatasetManifest:
        """Build, audit and publish the warehouse; dbt's data tests are left to the tests of the platform."""
        plan = prepare_candidate(self.settings, as_of)
        run_dbt(self.settings, plan, data_tests=False, progress=progress)
        finish_candidate(self.settings, plan)
        publish_candidate(self.settings, plan, audit_candidate(self.settings, plan))
        return write_dataset(self.settings, self.settings.published_warehouse)

    def _write_lists(self, folder: Path, dataset: DatasetManifest, generation: int) -> None:
        """Fit ALS and write everybody's list, and that for strangers, as publishing does."""
        known, device = known_at_end(self.settings, dataset), Device("cpu", "the matrix is small")
        model = ImplicitALS(factors=FACTORS, regularization=REGULARIZATION)
        popularity = Popularity()
        for fitted in (model, popularity):
            fitted.fit(known.data, device)
        server = known.server(model, popularity)
        self.cold_items.append(server.cold_items.to_dict() if server.cold_items else {})
        catalogue, draws = self._write_catalogue(folder, dataset, known, generation)
        lists = RuledLists(with_discovery(server, draws, known.data), catalogue, (), ())
        write_recommendations(folder, lists, known.data.users, self.k, quiet)

    def _write_catalogue(
        self, folder: Path, dataset: DatasetManifest, known: Known, generation: int
    ) -> tuple[Catalogue, Draws]:
        con, rules = connect(self.settings), Rules(discovery=self.arm.discovery)
        try:
            write_items(con, folder, dataset, np.array([], dtype=object), rules)
            catalogue = read_catalogue(folder)
            draws = Draws.of(
                known.data, catalogue.items, k=self.k, every=rules.discovery.every, seed=generation
            )
            write_fallbacks(con, folder, dataset, catalogue, rules, draws)
        finally:
            con.close()
        return catalogue, draws

    def _utilities(self, folder: Path) -> Floats:
        names = Names(self.world.config)
        person = {names.user(n): n for n in range(len(self.world.people))}
        item = {names.item(n): n for n in range(len(self.world.items))}
        found = np.full((len(person), len(item)), -np.inf)
        strangers = pq.read_table(folder / FALLBACKS, filters=[("segment", "=", "all")])
        scored = ~np.isin(strangers["source"].to_pylist(), UNSCORED)
        scale = np.where(scored, 0, NOTHING).astype(np.int8)[None]
        worth = utilities(strangers["score"].to_numpy().astype(np.float32)[None], scale, 1)[0]
        found[:, [item[name] for name in strangers["item_id"].to_pylist()]] = worth
        rows = pq.read_table(folder / RECOMMENDATIONS, columns=["user_id", "item_id", "utility"])
        users = np.array([person[name] for name in rows["user_id"].to_pylist()])
        items = np.array([item[name] for name in rows["item_id"].to_pylist()])
        found[np.unique(users)] = -np.inf
        found[users, items] = rows["utility"].to_numpy()
        return found
