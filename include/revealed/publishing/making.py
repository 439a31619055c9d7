"""Make a snapshot's lists from the champion, the newest dataset and the rules."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from revealed.durable import canonical_json
from revealed.engines.duckdb import connect
from revealed.feedback import DatasetManifest
from revealed.progress import Progress
from revealed.publishing.catalogue import Catalogue, read_catalogue, write_items
from revealed.publishing.discovery import Draws, with_discovery
from revealed.publishing.fallbacks import write_fallbacks
from revealed.publishing.files import had_by, write_recommendations, write_similar_items
from revealed.publishing.manifest import Fingerprint
from revealed.publishing.ruled_lists import RuledLists, showable
from revealed.publishing.rules import Rules, day_of
from revealed.registry import ModelVersion, fetch_model
from revealed.settings import Settings
from revealed.training.artifact import load_model
from revealed.training.content_model import ContentModel
from revealed.training.device import Device
from revealed.training.known import Known, known_at_end
from revealed.training.popularity import Popularity
from revealed.training.protocol import NOTHING
from revealed.training.serving import Server


@dataclass(frozen=True)
class Work:
    """What a publish works with: the same work gives the same lists."""

    settings: Settings
    champion: ModelVersion
    dataset: DatasetManifest
    rules: Rules
    progress: Progress

    @property
    def k(self) -> int:
        """How long lists are."""
        return self.settings.recommendations_per_user

    @property
    def fingerprint(self) -> Fingerprint:
        """What the lists follow from, as in a manifest."""
        return (
            self.champion.version,
            self.champion.model_id,
            self.dataset.version,
            self.k,
            self.rules.digest,
        )

    def facts(self, generation: int, model: str) -> dict[str, Any]:
        """Return what a manifest says of the origin of a generation."""
        return {
            "generation": generation,
            "model": model,
            "model_version": self.champion.version,
            "model_id": self.champion.model_id,
            "dataset_version": self.dataset.version,
            "as_of": self.dataset.as_of.isoformat(),
            "policy_version": self.dataset.policy_version,
            "k": self.k,
        }


@dataclass(frozen=True)
class MadeLists:
    """What was written, and what an audit is to expect of it.

    Attributes:
        model: the champion's name.
        counts: users, recommendations, and places by source.
        users: how many users must have a list.
        shortest: how many items the shortest of these lists must hold.
        sources: what a place of a user's list can come from.
        similar_sources: what a likeness of items can be known by.
        cold_start: what content was found good for.
        rules: what the manifest says of the rules.
    """

    model: str
    counts: dict[str, int]
    users: int
    shortest: int
    sources: tuple[str, ...]
    similar_sources: tuple[str, ...]
    cold_start: dict[str, Any]
    rules: dict[str, Any]


def make_lists(work: Work, staged: Path) -> MadeLists:
    """Write the four Parquet files of a snapshot into a folder and return what was written.

    Raises:
        DamagedModelError: the champion's files are not the ones that were approved.
        InvalidInputError: the pins alone exceed a cap.
    """
    model, _ = load_model(fetch_model(work.settings, work.champion.version))
    work.progress("reading what the catalogue says of items")
    known = known_at_end(work.settings, work.dataset)
    catalogue, draws = _write_catalogue(work, staged, known)
    work.progress("learning where items that the model has never seen belong")
    popularity = Popularity()
    popularity.fit(known.data, Device("cpu", "counting"))
    server = known.server(model, popularity, frozenset(catalogue.hidden))
    active = work.rules.pins_on(day_of(work.dataset.as_of))
    pins = showable(active, catalogue, work.rules)
    lists = RuledLists(
        with_discovery(server, draws, known.data),
        catalogue,
        work.rules.caps,
        pins,
        had_by(known.data, pins),
    )
    counts = write_recommendations(staged, lists, known.data.users, work.k, work.progress)
    write_similar_items(staged, server)
    lengths = _lengths(server, work.k)
    return MadeLists(
        model=model.name,
        counts=counts,
        users=len(lengths),
        shortest=min(int(lengths.min(initial=work.k)), lists.shortest_cut or work.k),
        sources=lists.names,
        similar_sources=tuple(dict.fromkeys((model.name, ContentModel.name))),
        cold_start=_cold_start(server),
        rules={
            "digest": work.rules.digest,
            "audit": msgspec.to_builtins(work.rules.audit),
            "left_out": [pin.item for pin in active if pin not in pins],
        },
    )


def _write_catalogue(work: Work, staged: Path, known: Known) -> tuple[Catalogue, Draws]:
    """Write the items and the lists for people whom nothing is known of; return the catalogue, and what is drawn from it."""
    content = known.data.content
    assert content is not None
    con = connect(work.settings)
    try:
        write_items(con, staged, work.dataset, content.items[content.is_described], work.rules)
        catalogue = read_catalogue(staged)
        draws = _draws(work, known, catalogue)
        write_fallbacks(con, staged, work.dataset, catalogue, work.rules, draws)
        return catalogue, draws
    finally:
        con.close()


def _draws(work: Work, known: Known, catalogue: Catalogue) -> Draws:
    """Return what the rules give to discovery; the same work draws the same."""
    digest = hashlib.sha256(canonical_json(list(work.fingerprint))).digest()
    return Draws.of(
        known.data,
        catalogue.items[catalogue.may_be_shown],
        k=work.k,
        every=work.rules.discovery.every,
        seed=int.from_bytes(digest[:8]),
    )


def _cold_start(server: Server) -> dict[str, Any]:
    """Return what content was found good for: placing items that the model has never seen, and telling people's taste."""
    found = {"cold_items": server.cold_items, "taste": server.taste}
    return {name: report.to_dict() for name, report in found.items() if report is not None}


def _lengths(server: Server, k: int) -> NDArray[np.int64]:
    """Return how long the list of each user must be who can be shown anything.

    Who has met all that anybody likes can still be shown what nobody has met, where content places it.
    """
    lengths = np.minimum(server.servable(), k)
    rest = np.flatnonzero(lengths == 0)
    lengths[rest] = (server.items_for(rest, k) != NOTHING).sum(axis=1)
    found: NDArray[np.int64] = lengths[lengths > 0]
    return found
