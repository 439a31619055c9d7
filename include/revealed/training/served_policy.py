"""A contender as the policy that it would be in service: its lists, by the rules, under each surface's exploration."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from revealed.evaluation.off_policy import ServedPools
from revealed.exploration.policy import Exploration
from revealed.exploration.pool_marginals import pool_marginals, pool_size
from revealed.training.logged_showings import LoggedShowings
from revealed.training.matrix import positions
from revealed.training.protocol import NOTHING
from revealed.training.serving import Server

if TYPE_CHECKING:
    from revealed.publishing.service import Service

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
_AT_ONCE = 4_096


@dataclass(frozen=True)
class _Pools:
    """Pools of some situations, `[situations, size]` codes (-1: never shown) and utilities, and how long each really is."""

    codes: Ints
    utilities: Floats
    lengths: Ints


def served_policy(name: str, server: Server, service: Service, showings: LoggedShowings) -> ServedPools:
    """Return with which probability a contender in service would have shown each item in the log's situations.

    The lists are those of the split, as they would be published; what is gone in a situation is taken off them, as the
    gateway does, before the pool is.

    Args:
        name: the contender's.
        server: makes its lists.
        service: how lists are served.
        showings: the log.
    """
    lists = _Lists(server, service, showings)
    situations, ranks = showings.situations, int(showings.longest.max())
    ways = [service.explorations.on(surface) for surface in showings.surfaces]
    sizes = [
        service.own_places(way, pool_size(way, int(k))) for way, k in zip(ways, showings.longest, strict=True)
    ]
    items = np.full((len(situations.person), max(sizes)), NOTHING, dtype=np.int64)
    marginals = np.zeros((len(items), ranks, items.shape[1]))
    for surface, (way, size) in enumerate(zip(ways, sizes, strict=True)):
        chosen = np.flatnonzero(situations.surface == surface)
        for part in np.array_split(chosen, math.ceil(len(chosen) / _AT_ONCE)) if len(chosen) else ():
            pools = lists.pools(part, showings.surfaces[surface], way, size)
            items[part, : pools.codes.shape[1]] = pools.codes
            marginals[part, :, : pools.codes.shape[1]] = _marginals(pools, ranks, way)
    return ServedPools(name, items, marginals, showings.situation, showings.rank)


def told(service: Service, surfaces: list[str]) -> str:
    """Return how lists are served on these surfaces, for people: `plackett_luce of 30 at temperature 0.5`."""
    ways: dict[str, list[str]] = {}
    for surface in surfaces:
        ways.setdefault(_told(service.explorations.on(surface)), []).append(surface)
    if len(ways) == 1:
        return next(iter(ways))
    return "; ".join(f"{way} on {', '.join(where)}" for way, where in ways.items())


def _told(way: Exploration) -> str:
    parameters = way.parameters()
    pool = f" of {parameters.pop('candidates')}" if "candidates" in parameters else ""
    return way.policy + pool + "".join(f" at {name} {value:g}" for name, value in parameters.items())


class _Lists:
    """The lists of the log's people, item by item in the log's codes.

    Attributes:
        space: ids of the items that can be on a list.
    """

    def __init__(self, server: Server, service: Service, showings: LoggedShowings) -> None:
        from revealed.publishing.list_files import list_utilities

        lists = service.lists_of(server)
        self.space, self._service, self._situations = lists.space, service, showings.situations
        log_items = np.asarray(showings.log.items, dtype=object)
        self._code, self._known = positions(self.space, log_items), len(log_items)
        shape = (len(showings.rows), service.depth)
        self._items = np.full(shape, NOTHING, dtype=np.int32)
        self._utilities = np.zeros(shape, dtype=np.float32)
        for start in range(0, len(showings.rows), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            served = lists.lists(showings.rows[part], service.depth)
            self._items[part], self._utilities[part] = served.items, list_utilities(served)

    def pools(self, situations: Ints, surface: str, way: Exploration, size: int) -> _Pools:
        """Return what slates would be drawn from: at most `size` items of each list, under the caps, as the gateway has it."""
        from revealed.publishing.arrangement import arrange

        person = self._situations.person[situations]
        items = self._items[person]
        codes = np.where(items == NOTHING, NOTHING, self._code[items])
        refused = self._service.refused(self.space, surface)
        stays = (items != NOTHING) & ~refused[items] & ~self._is_gone(situations, codes)
        caps = self._service.pool_caps(self.space, way, size)
        place = arrange(np.where(stays, items, NOTHING), size, caps).column if caps else _first(stays, size)
        codes = np.where(place == NOTHING, NOTHING, np.take_along_axis(codes, place, axis=1))
        utilities = np.take_along_axis(self._utilities[person], place, axis=1).astype(np.float64)
        return _Pools(codes, utilities, (place != NOTHING).sum(axis=1))

    def _is_gone(self, situations: Ints, codes: Ints) -> NDArray[np.bool_]:
        """Return which places of the situations' lists hold what is gone in them."""
        gone = [self._situations.gone[at] for at in situations.tolist()]
        pairs = np.array(
            [number * self._known + code for number, without in enumerate(gone) for code in without],
            dtype=np.int64,
        )
        named = np.arange(len(situations))[:, None] * self._known + codes
        return np.asarray((codes >= 0) & np.isin(named, pairs))


def _first(stays: NDArray[np.bool_], size: int) -> Ints:
    """Return the places of the first `size` that stay in each list; `NOTHING` where it has fewer."""
    order = np.argsort(~stays, axis=1, kind="stable")[:, :size]
    return np.where(np.take_along_axis(stays, order, axis=1), order, NOTHING)


def _marginals(pools: _Pools, ranks: int, way: Exploration) -> Floats:
    """Return `[situations, ranks, size]`; pools of the same utilities have the same, whatever their items are."""
    found = np.zeros((len(pools.codes), ranks, pools.codes.shape[1]))
    for length in np.unique(pools.lengths[pools.lengths > 0]).tolist():
        chosen = np.flatnonzero(pools.lengths == length)
        distinct, which = np.unique(pools.utilities[chosen, :length], axis=0, return_inverse=True)
        shown = pool_marginals(distinct, ranks, way).swapaxes(1, 2)
        found[chosen, :, :length] = shown[which.ravel()]
    return found
