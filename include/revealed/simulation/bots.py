"""Automatic visitors: they fetch feeds at a high rate, click everything and read nothing.

All but the last announce themselves by their user agent; the last can be told by its behaviour alone.
"""

from __future__ import annotations

import numpy as np

from revealed.exploration.rank_marginals import Floats, Ints
from revealed.simulation import policies
from revealed.simulation.behaviour import Outcome
from revealed.simulation.config import DAY_MS, HOME, SURFACE_CODE
from revealed.simulation.happenings import Traffic
from revealed.simulation.slates import Serving, Slates, Wave, make_slates

_FETCHES = 10
_FETCH_MS = 6_000
_CLICK_MS = 450


def let_bots_in(traffic: Traffic, scores: Floats) -> None:
    """Append the bots' requests and clicks: each comes on about a third of the days, at one hour."""
    config = traffic.world.config
    rng = config.rng(8)
    for bot in range(config.users, config.users + config.bots):
        for day in np.flatnonzero(rng.random(config.days) < 0.35):
            start = config.start_ms + int(day) * DAY_MS + int(rng.integers(0, 23 * 3_600_000))
            at = start + np.arange(_FETCHES) * _FETCH_MS
            _crawl(traffic, _wave(bot, traffic.sessions, at), scores, rng)
            traffic.sessions += 1


def _wave(bot: int, session: int, at_ms: Ints) -> Wave:
    none = np.full(len(at_ms), -1)
    return Wave(np.full(len(at_ms), bot), np.full(len(at_ms), session), at_ms, none, none)


def _crawl(traffic: Traffic, wave: Wave, scores: Floats, rng: np.random.Generator) -> None:
    world = traffic.world
    at = wave.at_ms[:, None]
    eligible = (world.items.published_ms <= at) & (world.items.withdrawn_ms > at)
    choice = policies.epsilon_greedy(
        rng, scores[wave.person], eligible, HOME.slots, traffic.world.config.epsilon
    )
    serving = Serving(SURFACE_CODE[HOME.name], "als-home", "epsilon_greedy", "home-ranking", "control")
    slates = make_slates(world, serving, wave, choice, eligible, traffic.requests)
    traffic.requests += len(slates)
    last = choice.items[:, -1]
    traffic.shown.append((slates, Outcome(slates.shown, slates.shown, wave.at_ms + _FETCH_MS, last)))
    _click_everything(traffic, slates)


def _click_everything(traffic: Traffic, slates: Slates) -> None:
    row, slot = np.nonzero(slates.shown)
    wave = slates.wave
    for kind, dwell in (("click", -1), ("view", 0)):
        traffic.log.add(
            kind,
            wave.at_ms[row] + 200 + slot * _CLICK_MS,
            person=wave.person[row],
            session=wave.session[row],
            item=slates.choice.items[row, slot],
            cause_request=slates.request_numbers[row],
            request_logged=1,
            position=slot + 1,
            surface=slates.serving.surface,
            dwell_ms=dwell,
        )
