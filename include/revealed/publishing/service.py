"""What service makes of anybody's lists: rules and exploration, for those who ask what would really be shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from revealed.engines.duckdb import connect
from revealed.exploration.policy import Exploration
from revealed.exploration.rules import Explorations, read_explorations
from revealed.feedback import DatasetManifest
from revealed.publishing.arrangement import CappedGroups
from revealed.publishing.catalogue import Catalogue, read_dataset_catalogue
from revealed.publishing.ruled_lists import RuledLists
from revealed.publishing.rules import Rules, read_rules
from revealed.settings import Settings
from revealed.training.matrix import Ids
from revealed.training.serving import Server


@dataclass(frozen=True)
class Service:
    """How lists are served.

    Attributes:
        depth: how long the lists are that slates are drawn from.
        explorations: how each surface explores.
        rules: what may be shown where.
        catalogue: the items that the rules speak of.
    """

    depth: int
    explorations: Explorations
    rules: Rules
    catalogue: Catalogue

    @property
    def widest_pool(self) -> int:
        """From how many items a slate is drawn at most."""
        return max(
            way.candidates for way in (self.explorations.default, *self.explorations.surfaces.values())
        )

    def own_places(self, exploration: Exploration, size: int) -> int:
        """Return how many of a pool's places are the model's own: discovery has the others, whichever the model is."""
        every = self.rules.discovery.every
        if not every or exploration.policy == "greedy":
            return size
        return size - len(range(every // 2, size, every))

    def lists_of(self, server: Server) -> RuledLists:
        """Return who makes a model's lists as they are published, but for the pins, which are no model's merit."""
        allowed = server.without(self.catalogue.hidden)
        return RuledLists(allowed, self.catalogue, self.rules.caps, ())

    def pool_caps(self, space: Ids, exploration: Exploration, size: int) -> list[CappedGroups]:
        """Return what caps say of the `size` items that a slate is drawn from: they hold whatever the draw."""
        return [
            CappedGroups(
                self.catalogue.groups(space, cap.field),
                cap.most,
                cap.within if exploration.policy == "greedy" else size,
            )
            for cap in self.rules.caps
        ]

    def refused(self, space: Ids, surface: str) -> NDArray[np.bool_]:
        """Return which items the surface's own filters refuse."""
        if not any(rule.surface == surface for rule in self.rules.filters):
            return np.zeros(len(space), dtype=bool)
        fields = map(self.catalogue.fields_of, space)
        return ~np.array([self.rules.allows(item, surface) for item in fields], dtype=bool)


def read_service(settings: Settings, dataset: DatasetManifest) -> Service:
    """Return how lists would be served now: by the home's rules, and the dataset's catalogue.

    Raises:
        InvalidInputError: `rules.toml` says what cannot be followed.
    """
    rules, explorations = read_rules(settings), read_explorations(settings.rules)
    con = connect(settings)
    try:
        catalogue = read_dataset_catalogue(con, dataset, rules)
    finally:
        con.close()
    return Service(settings.recommendations_per_user, explorations, rules, catalogue)
