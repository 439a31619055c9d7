"""What the GET calls answer from: the snapshot in service, the questions, how surfaces explore, and the dice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import numpy as np

from revealed.active_learning.published import CURRENT as QUERIES_CURRENT
from revealed.active_learning.published import queries_root
from revealed.exploration.rules import Explorations, read_explorations
from revealed.gateway.following import OUTCOMES, Followed
from revealed.gateway.metrics import Metrics
from revealed.gateway.questions import Questions, read_questions
from revealed.gateway.refusals import unavailable
from revealed.publishing.generations import CURRENT
from revealed.publishing.opened import OpenSnapshot, open_verified
from revealed.publishing.rules import Rules, read_rules
from revealed.settings import Settings

LOOK_EVERY_SECONDS = 1.0
# Decoded row groups of users' lists, some 0.06 MB each: the lists of about 20,000 people.
_GROUPS_KEPT = 1_024
# What is not decoded by then at a start is decoded when it is asked for: who restarted a gateway waits for it.
_DECODING_AT_START_SECONDS = 0.5
_LONGEST_REST_SECONDS = 0.02
_LOADS = "revealed_gateway_loads_total"


class ServingRules(NamedTuple):
    """The rules file, as serving reads it: how surfaces explore, and what may be shown on them."""

    explorations: Explorations
    shown: Rules


def read_serving_rules(settings: Settings) -> ServingRules:
    """Return the rules in `$REVEALED_HOME/rules.toml`.

    Raises:
        InvalidInputError: the file says what no rule can mean.
    """
    return ServingRules(read_explorations(settings.rules), read_rules(settings))


class Serving:
    """The state of the GET calls. A change on disk is seen within a second, and read beside the event loop.

    Whoever answers takes `snapshot()` once, and answers from it: what is swapped in meanwhile is for the next.

    Args:
        settings: whose home.
        metrics: where loads and refusals are counted.
        rng: what slates are drawn with; seeded by the operating system unless given.
        look_every: seconds between two looks at the disk.

    Raises:
        InvalidInputError: the rules file is wrong. (Later, such a file is refused, and the rules before it stay.)
    """

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        *,
        rng: np.random.Generator | None = None,
        look_every: float = LOOK_EVERY_SECONDS,
    ) -> None:
        metrics.describe(_LOADS, "counter", "What was read from disk to be served, by what and outcome.")
        self.rng = rng or np.random.default_rng()
        self._look_every = look_every
        told = partial(_count, metrics)
        self._snapshot: Followed[OpenSnapshot] = Followed(
            settings.published_recommendations / CURRENT,
            lambda: self._read_snapshot(settings),
            told("snapshot"),
        )
        self._questions: Followed[Questions] = Followed(
            queries_root(settings) / QUERIES_CURRENT, lambda: read_questions(settings), told("queries")
        )
        self._rules: Followed[ServingRules] = Followed(
            settings.rules, lambda: read_serving_rules(settings), told("rules")
        )
        read_serving_rules(settings)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="following")
        self._looking: asyncio.Task[None] | None = None

    def _read_snapshot(self, settings: Settings) -> OpenSnapshot:
        """Return the snapshot in service, verified, its lists decoded; the one before it answers meanwhile.

        Raises:
            NothingPublishedError: nothing has been published yet.
            DamagedFileError: it cannot be read, or was changed.
        """
        before = self._snapshot.value
        found = open_verified(settings, keep=_GROUPS_KEPT)
        found.decode(before, go_on=_within(_DECODING_AT_START_SECONDS) if before is None else _Turns())
        return found

    @property
    def snapshot_id(self) -> str | None:
        """The generation in service, or None while nothing is published."""
        found = self._snapshot.value
        return found.manifest.snapshot_id if found else None

    @property
    def rules(self) -> ServingRules:
        """The rules in service."""
        return self._rules.value or ServingRules(Explorations(), Rules())

    def snapshot(self) -> OpenSnapshot:
        """Return the snapshot in service.

        Raises:
            HttpRefusal: 503 while nothing is published.
        """
        found = self._snapshot.value
        if found is None:
            raise unavailable("no recommendations are published yet", code="nothing_published")
        return found

    def title(self, item_id: str) -> str | None:
        """Return an item's title by the snapshot in service, if there are both."""
        found = self._snapshot.value
        return found.items.title(item_id) if found else None

    def questions(self) -> Questions:
        """Return the questions in service.

        Raises:
            HttpRefusal: 503 while none are published.
        """
        found = self._questions.value
        if found is None:
            raise unavailable("no questions are published yet", code="nothing_published")
        return found

    def look(self) -> None:
        """Read what is new on disk; not from two threads at once."""
        self._rules.look()
        self._snapshot.look()
        self._questions.look()

    async def start(self) -> None:
        """Read what there is, and begin to look every second."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self.look)
        self._looking = asyncio.create_task(self._look_on())

    async def stop(self) -> None:
        """Stop looking; what is being read is waited for."""
        if self._looking:
            self._looking.cancel()
        await asyncio.to_thread(self._thread.shutdown)

    async def _look_on(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._look_every)
            await loop.run_in_executor(self._thread, self.look)


def _within(seconds: float) -> Callable[[], bool]:
    """Return what says yes until so many seconds from now."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() < end


class _Turns:
    """Says yes, but lets three times as much time pass as went by since it was last asked: requests come first."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def __call__(self) -> bool:
        time.sleep(min(3 * (time.monotonic() - self._since), _LONGEST_REST_SECONDS))
        self._since = time.monotonic()
        return True


def _count(metrics: Metrics, what: str) -> Callable[[str], None]:
    for outcome in OUTCOMES:  # a scrape must not meet a label that another thread is adding
        metrics.count(_LOADS, 0, what=what, outcome=outcome)
    return lambda outcome: metrics.count(_LOADS, what=what, outcome=outcome)
