"""What people do with a slate: look, click, read and react, by the position-based model.

P(click on item i at position k) = theta_k * relevance[person, i], independently of everything else. Tests
lean on this, so nothing here may couple the clicks of one slate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from revealed.exploration.rank_marginals import Ints
from revealed.simulation.clicks import Clicks
from revealed.simulation.commerce import shop
from revealed.simulation.config import EMAIL, SURFACE_CODE
from revealed.simulation.event_log import EventLog
from revealed.simulation.population import DEVICE_DWELL, Bools, World
from revealed.simulation.slates import Slates

HEARTBEAT_MS = 15_000
_SLOT_MS = 1_500
_LONGEST_MS = 900_000
_EMAIL = SURFACE_CODE[EMAIL.name]


@dataclass(frozen=True)
class Outcome:
    """What a wave came to: examined and clicked by slot, end and last clicked item (-1: none) by request."""

    examined: Bools
    clicked: Bools
    end_ms: Ints
    last_item: Ints


def behave(world: World, slates: Slates, log: EventLog, rng: np.random.Generator) -> Outcome:
    """Draw what happens on the slates, append the events to `log`, and return the outcome."""
    shape = slates.choice.items.shape
    theta = slates.serving.place.examination[: shape[1]]
    examined = (rng.random(shape) < theta) & slates.shown
    clicked = examined & (rng.random(shape) < slates.relevance)
    dwell = np.where(clicked, _dwell(world, slates, rng), 0)
    clicked_at = _click_times(slates, dwell, rng)
    _report_impressions(world, slates, examined, log)
    _reject(world, slates, examined & ~clicked, log, rng)
    clicks = _clicks(world, slates, clicked, clicked_at, dwell, rng)
    _consume(world, clicks, log, rng)
    shop(world, clicks, log, rng)
    end = slates.wave.at_ms + 2_000 + shape[1] * _SLOT_MS + dwell.sum(axis=1)
    last = shape[1] - 1 - np.argmax(clicked[:, ::-1], axis=1)
    items = np.where(clicked.any(axis=1), slates.choice.items[np.arange(len(slates)), last], -1)
    return Outcome(examined, clicked, end, items)


def _dwell(world: World, slates: Slates, rng: np.random.Generator) -> Ints:
    """Log-normal active time in ms around the item's expected time, longer the better it satisfies."""
    items = np.maximum(slates.choice.items, 0)
    person = slates.wave.person[:, None]
    expected = world.items.expected_dwell_s[items] * DEVICE_DWELL[world.people.device[person]]
    satisfied = world.satisfaction[person, items]
    log_s = np.log(expected) + 1.6 * (satisfied - 0.65) + rng.normal(0.0, 0.55, items.shape)
    seconds = np.where(world.items.is_clickbait[items], 0.12, 1.0) * np.exp(log_s)
    return np.asarray(np.minimum(seconds * 1000, _LONGEST_MS), dtype=np.int64)


def _click_times(slates: Slates, dwell: Ints, rng: np.random.Generator) -> Ints:
    """People go down the slate and come back to it after each item; an email is opened hours later."""
    earlier = np.cumsum(dwell, axis=1) - dwell
    start = slates.wave.at_ms[:, None] + 1_000 + np.arange(dwell.shape[1]) * _SLOT_MS
    if slates.serving.surface == _EMAIL:
        start = start + (rng.exponential(2.5 * 3_600_000, len(slates))).astype(np.int64)[:, None]
    return np.asarray(start + earlier + rng.integers(100, 900, dwell.shape), dtype=np.int64)


def _clicks(
    world: World, slates: Slates, clicked: Bools, at_ms: Ints, dwell: Ints, rng: np.random.Generator
) -> Clicks:
    row, slot = np.nonzero(clicked)
    person, item = slates.wave.person[row], slates.choice.items[row, slot]
    return Clicks(
        person=person,
        session=slates.wave.session[row],
        item=item,
        request=slates.request_numbers[row],
        logged=rng.random(len(row)) < 0.92,
        position=slot + 1,
        surface=slates.serving.surface,
        at_ms=at_ms[row, slot],
        dwell_ms=dwell[row, slot],
        satisfaction=world.satisfaction[person, item],
    )


def _report_impressions(world: World, slates: Slates, examined: Bools, log: EventLog) -> None:
    """Some clients report what came into view; for them, position and request are always known."""
    reports = world.people.reports_impressions[slates.wave.person]
    row, slot = np.nonzero(examined & reports[:, None])
    log.add(
        "impression",
        slates.wave.at_ms[row] + 500 + slot * _SLOT_MS,
        person=slates.wave.person[row],
        session=slates.wave.session[row],
        item=slates.choice.items[row, slot],
        cause_request=slates.request_numbers[row],
        request_logged=1,
        position=slot + 1,
        surface=slates.serving.surface,
    )


def _reject(world: World, slates: Slates, passed: Bools, log: EventLog, rng: np.random.Generator) -> None:
    """Examined and not clicked: sometimes swiped away, hidden or reported, the less relevant the likelier."""
    draw = rng.random(passed.shape)
    dislike = 1.0 - slates.relevance
    for kind, low, high in (("skip", 0.0, 0.10), ("hide", 0.10, 0.106), ("not_interested", 0.106, 0.112)):
        row, slot = np.nonzero(passed & (draw >= low) & (draw < low + (high - low) * dislike))
        numbers = log.add(
            kind,
            slates.wave.at_ms[row] + 900 + slot * _SLOT_MS,
            person=slates.wave.person[row],
            session=slates.wave.session[row],
            item=slates.choice.items[row, slot],
            cause_request=slates.request_numbers[row],
            request_logged=1,
            position=slot + 1,
            surface=slates.serving.surface,
        )
        if kind == "hide":
            undone = rng.random(len(row)) < 0.15
            log.add(
                "undo",
                slates.wave.at_ms[row[undone]] + 6_000 + slot[undone] * _SLOT_MS,
                person=slates.wave.person[row[undone]],
                session=slates.wave.session[row[undone]],
                item=slates.choice.items[row[undone], slot[undone]],
                reverses=numbers[undone],
            )


def _consume(world: World, clicks: Clicks, log: EventLog, rng: np.random.Generator) -> None:
    """The click itself, then reading: heartbeats, scrolling, the dwell report at the end, and reactions."""
    everything = np.ones(len(clicks), dtype=bool)
    log.add("click", clicks.at_ms, **clicks.where(everything))
    _heartbeats(world, clicks, log)
    scrolled = rng.random(len(clicks)) < 0.5
    share = clicks.dwell_ms / (1000 * world.items.expected_dwell_s[clicks.item])
    depth = np.round(np.clip(share * rng.uniform(0.7, 1.1, len(clicks)), 0.02, 1.0), 2)
    log.add(
        "scroll",
        clicks.at_ms[scrolled] + clicks.dwell_ms[scrolled] * 3 // 5,
        scroll_depth=depth[scrolled],
        **clicks.where(scrolled),
    )
    reported = rng.random(len(clicks)) < 0.9
    log.add(
        "view",
        clicks.at_ms[reported] + clicks.dwell_ms[reported],
        dwell_ms=clicks.dwell_ms[reported],
        **clicks.where(reported),
    )
    _react(clicks, log, rng)


def _heartbeats(world: World, clicks: Clicks, log: EventLog) -> None:
    """Every 15 active seconds, up to six of them, from the clients that send any."""
    sends = world.people.sends_heartbeats[clicks.person]
    beats = np.where(sends, np.minimum(clicks.dwell_ms // HEARTBEAT_MS, 6), 0)
    for beat in range(1, 7):
        beating = beats >= beat
        log.add(
            "heartbeat",
            clicks.at_ms[beating] + beat * HEARTBEAT_MS,
            dwell_ms=HEARTBEAT_MS,
            **clicks.where(beating),
        )


_REACTIONS = (
    ("save", 0.12),
    ("share", 0.04),
    ("copy", 0.02),
    ("thumbs_up", 0.05),
    ("rating", 0.02),
    ("preference", 0.01),
    ("convert", 0.008),
)
_COMPLAINTS = (("thumbs_down", 0.06), ("correction", 0.02))


def _react(clicks: Clicks, log: EventLog, rng: np.random.Generator) -> None:
    """Explicit and half-explicit reactions; the satisfied save and share, the disappointed thumb down."""
    after = clicks.at_ms + clicks.dwell_ms * 4 // 5
    for kind, rate in _REACTIONS:
        rows = rng.random(len(clicks)) < rate * clicks.satisfaction
        stars = np.clip(np.round(1 + 4.5 * clicks.satisfaction + rng.normal(0, 0.6, len(clicks))), 1, 5)
        extra = {"rating": stars[rows]} if kind == "rating" else {}
        numbers = log.add(kind, after[rows], **clicks.where(rows), **extra)
        if kind == "save":
            _unsave(clicks, log, numbers, np.flatnonzero(rows), rng)
    for kind, rate in _COMPLAINTS:
        rows = rng.random(len(clicks)) < rate * (1.0 - clicks.satisfaction)
        log.add(kind, after[rows], **clicks.where(rows))


def _unsave(clicks: Clicks, log: EventLog, saves: Ints, rows: Ints, rng: np.random.Generator) -> None:
    regret = rng.random(len(rows)) < 0.06
    later = rng.integers(60_000, 86_400_000, len(rows))
    chosen = rows[regret]
    log.add(
        "unsave",
        clicks.at_ms[chosen] + clicks.dwell_ms[chosen] + later[regret],
        person=clicks.person[chosen],
        item=clicks.item[chosen],
        reverses=saves[regret],
    )
