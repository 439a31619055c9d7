"""Random histories for the attribution ledger: few people, items and moments, so that ties and edges are common."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from compiled_attribution import Event, History, Reversal, Showing
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

NOON = datetime(2026, 2, 20, 12, tzinfo=UTC).replace(tzinfo=None)

TIMES = [
    NOON + timedelta(hours=hours) for hours in (-700, -169, -168, -73, -72, -25, -24, -3, -2, -1, 0, 1, 2, 26)
]
NEAR = [timedelta(0), timedelta(minutes=-4), timedelta(minutes=6), timedelta(microseconds=1)]


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Two people (at times not logged in) and two items in few moments: ties, window edges, other people's requests."""
    chance = draw(st.randoms(use_true_random=False))
    showings = [random_showing(chance, number) for number in range(chance.randrange(60))]
    events = [random_event(chance, number, showings) for number in range(1 + chance.randrange(15))]
    reversals = [
        Reversal(
            f"back-{number}-{event.event_id}", event.event_id, chance.choice([0.25, 0.5]), event.occurred_at
        )
        for event in events
        for number in range(chance.randrange(3))
    ]
    shown = {(showing.actor_id, showing.item_id) for showing in showings}
    return History(
        showings,
        events,
        reversals,
        satisfied={(showing.request_id, showing.item_id) for showing in showings if chance.random() < 0.5},
        satisfied_visits={
            event.event_id
            for event in events
            if event.event_type == "click"
            and not event.request_id
            and (event.actor_id, event.item_id) not in shown
        },
        bots={"bob"} if chance.random() < 0.2 else set(),
    )


def random_showing(chance: Random, number: int) -> Showing:
    actor = chance.choice(["ann", "ann", "bob"])
    return Showing(
        request_id=f"r{number:02}",
        item_id=chance.choice(["i1", "i1", "i2"]),
        actor_id=actor,
        visitor=chance.choice([None, f"{actor}s phone", f"{actor}s desk"]),
        occurred_at=chance.choice(TIMES) + chance.choice(NEAR),
        model_name=chance.choice(["als", "search"]),
        model_version=chance.choice(["1", "2"]),
    )


def random_event(chance: Random, number: int, showings: list[Showing]) -> Event:
    """Half of the events name a request: a showing not far away, or none that is known."""
    event = Event(
        event_id=f"e{number:02}",
        event_type=chance.choice(
            ["click", "click", "purchase", "convert", "save", "impression", "heartbeat"]
        ),
        actor_id=chance.choice(["ann", "bob", "cat"]),
        item_id=chance.choice(["i1", "i1", "i2", None]),
        occurred_at=chance.choice(TIMES) + chance.choice(NEAR),
        request_id=chance.choice([None, None, None, "nobody-knows"]),
        value=chance.choice([None, 0.0, 19.99, chance.uniform(0, 1000)]),
        currency=chance.choice([None, "EUR"]),
    )
    if showings and chance.random() < 0.5:
        named = chance.choice(showings)
        lag = chance.choice([timedelta(minutes=-4), timedelta(0), timedelta(hours=1), timedelta(hours=24)])
        names = {
            "item_id": named.item_id,
            "request_id": named.request_id,
            "occurred_at": named.occurred_at + lag,
        }
        event = replace(event, **names)
    return event


RANDOM = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)


def path_history(hours_before: list[int], versions: list[str], **event: Any) -> History:
    """A purchase at noon, and the showings so many hours before it, each by a model version of its own."""
    showings = [
        Showing(
            f"r{number}", "i1", "ann", NOON - timedelta(hours=hours), position=number, model_version=version
        )
        for number, (hours, version) in enumerate(zip(hours_before, versions, strict=True), start=1)
    ]
    return History(showings, [Event("e", "purchase", "ann", "i1", NOON, **event)])
