"""Baskets, purchases, returns and cancellations: value that comes late and is sometimes taken back."""

from __future__ import annotations

import numpy as np

from revealed.exploration.rank_marginals import Floats, Ints
from revealed.simulation.clicks import Clicks
from revealed.simulation.config import DAY_MS
from revealed.simulation.event_log import EventLog
from revealed.simulation.population import World


def shop(world: World, clicks: Clicks, log: EventLog, rng: np.random.Generator) -> None:
    """Let clicks on priced items lead to baskets, to purchases at once or days later, and to reversals."""
    priced = ~np.isnan(world.items.price[clicks.item])
    added = priced & (rng.random(len(clicks)) < 0.75 * clicks.satisfaction)
    into_basket = clicks.at_ms + clicks.dwell_ms * 9 // 10
    log.add("add_to_cart", into_basket[added], quantity=1, **clicks.where(added))
    bought = added & (rng.random(len(clicks)) < 0.6)
    dropped = added & ~bought & (rng.random(len(clicks)) < 0.3)
    log.add("remove_from_cart", into_basket[dropped] + 20_000, **clicks.where(dropped))
    _buy(world, clicks, np.flatnonzero(bought), into_basket, log, rng)


def _buy(
    world: World, clicks: Clicks, rows: Ints, basket_ms: Ints, log: EventLog, rng: np.random.Generator
) -> None:
    """Two thirds buy at once; the others within days, outside the session and without a request id."""
    at_once = rng.random(len(rows)) < 0.66
    delay = np.where(at_once, 30_000, np.minimum(rng.exponential(1.5 * DAY_MS, len(rows)), 6 * DAY_MS))
    at_ms = basket_ms[rows] + delay.astype(np.int64)
    quantity = 1 + (rng.random(len(rows)) < 0.18).astype(np.int64)
    value = np.round(world.items.price[clicks.item[rows]] * quantity, 2)
    knows_request = at_once & (rng.random(len(rows)) < 0.6)
    numbers = log.add(
        "purchase",
        at_ms,
        person=clicks.person[rows],
        session=np.where(at_once, clicks.session[rows], -1),
        item=clicks.item[rows],
        cause_request=clicks.request[rows],
        request_logged=knows_request,
        position=np.where(knows_request, clicks.position[rows], 0),
        surface=np.where(at_once, clicks.surface, -1),
        value=value,
        quantity=quantity,
        order=clicks.request[rows] * 100 + clicks.position[rows],
    )
    purchases = {"person": clicks.person[rows], "item": clicks.item[rows]}
    orders = clicks.request[rows] * 100 + clicks.position[rows]
    _reverse(purchases, orders, numbers, at_ms, value, quantity, log, rng)


def _reverse(
    purchases: dict[str, Ints],
    orders: Ints,
    numbers: Ints,
    at_ms: Ints,
    value: Floats,
    quantity: Ints,
    log: EventLog,
    rng: np.random.Generator,
) -> None:
    """Cancel within hours or return within days: an order or a named purchase, whole or one piece of two."""
    draw = rng.random(len(numbers))
    one_of_two = (quantity == 2) & (rng.random(len(numbers)) < 0.5)
    names_purchase = rng.random(len(numbers)) < 0.5
    days = (rng.uniform(1.5, 7.0, len(numbers)) * DAY_MS).astype(np.int64)
    hours = rng.integers(600_000, 6 * 3_600_000, len(numbers))
    for kind, rows, delay in (
        ("cancel", draw < 0.03, hours),
        ("return", (draw >= 0.03) & (draw < 0.15), days),
    ):
        part = one_of_two[rows] & (kind == "return")
        log.add(
            kind,
            at_ms[rows] + delay[rows],
            **{name: column[rows] for name, column in purchases.items()},
            order=np.where(names_purchase[rows], -1, orders[rows]),
            reverses=np.where(names_purchase[rows], numbers[rows], -1),
            quantity=np.where(part, 1, quantity[rows]),
            value=np.where(part, value[rows] / 2, value[rows]),
        )
