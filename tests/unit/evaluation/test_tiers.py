"""Three tiers: lists of clickbait win clicks and lose satisfaction, by the planted amounts, and niche taste is not blamed."""

from __future__ import annotations

import numpy as np
import pytest

from revealed.evaluation import Contender
from revealed.evaluation.metrics import NOTHING
from revealed.evaluation.tiers import CLICKS, SATISFACTION, ItemOutcomes, Tiers, judge_tiers

ITEMS, USERS = 60, 400


def lists_of(items: range, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.array([random.permutation(items)[:10] for _ in range(USERS)], dtype=np.int32)


def outcomes(click: np.ndarray, satisfied: np.ndarray, shown: float = 1e6) -> ItemOutcomes:
    """So many showings that rates are the planted ones to four digits."""
    return ItemOutcomes(np.full(ITEMS, shown), shown * click, shown * click * satisfied)


def test_clickbait_wins_clicks_and_loses_satisfaction() -> None:
    bait = np.arange(ITEMS) < 20
    found = judge_tiers(
        [Contender("bait", lists_of(range(20), 1)), Contender("honest", lists_of(range(20, 40), 2))],
        outcomes(np.where(bait, 0.3, 0.1), np.where(bait, 0.2, 0.8)),
    )
    clicks, satisfaction = (found.difference(tier, "bait", "honest") for tier in (CLICKS, SATISFACTION))
    assert clicks is not None
    assert satisfaction is not None
    assert clicks.estimate == pytest.approx(0.2, abs=1e-3)
    assert clicks.low > 0
    assert satisfaction.estimate == pytest.approx(-0.6, abs=1e-3)
    assert satisfaction.high < 0


def test_items_for_few_are_not_blamed_for_being_seldom_clicked() -> None:
    niche = np.arange(ITEMS) < 20
    found = judge_tiers(
        [Contender("niche", lists_of(range(20), 1)), Contender("crowd", lists_of(range(20, 40), 2))],
        outcomes(np.where(niche, 0.01, 0.3), np.full(ITEMS, 0.5)),
    )
    satisfaction = found.difference(SATISFACTION, "niche", "crowd")
    assert satisfaction is not None
    assert satisfaction.estimate == pytest.approx(0.0, abs=1e-3)


def test_an_item_without_clicks_is_an_average_one() -> None:
    shown = np.full(ITEMS, 100.0)
    clicked = np.where(np.arange(ITEMS) < 10, 50.0, 0.0)
    found = judge_tiers(
        [Contender("unknown", lists_of(range(20, 40), 1)), Contender("known", lists_of(range(10), 2))],
        ItemOutcomes(shown, clicked, clicked * 0.4),
    )
    assert found.values["unknown"][SATISFACTION] == pytest.approx(0.4)
    assert found.values["known"][SATISFACTION] == pytest.approx(0.4)


def test_noise_is_within_the_interval() -> None:
    """Two models that draw from the same items differ by chance alone: 95 % intervals of the difference hold zero."""
    rate = outcomes(np.full(ITEMS, 0.2), np.random.default_rng(0).uniform(0.2, 0.8, ITEMS))
    held = 0
    for seed in range(100):
        found = judge_tiers(
            [Contender(name, lists_of(range(ITEMS), 2 * seed + at)) for at, name in enumerate("ab")], rate
        ).difference(SATISFACTION, "a", "b")
        assert found is not None
        held += found.low <= 0 <= found.high
    assert held >= 88


def test_short_lists_and_no_clicks() -> None:
    short = lists_of(range(20), 1)
    short[:, 3:] = NOTHING
    short[0] = NOTHING
    rates = outcomes(np.full(ITEMS, 0.2), np.full(ITEMS, 0.5))
    found = judge_tiers([Contender("short", short)], rates)
    assert found.values["short"][SATISFACTION] == pytest.approx(0.5 * (USERS - 1) / USERS, abs=1e-4)
    silent = ItemOutcomes(np.ones(ITEMS), np.zeros(ITEMS), np.zeros(ITEMS))
    assert judge_tiers([Contender("short", short)], silent) == Tiers(0, {}, [])


def test_the_way_around() -> None:
    rates = outcomes(np.full(ITEMS, 0.2), np.full(ITEMS, 0.5))
    found = judge_tiers([Contender(name, lists_of(range(20), at)) for at, name in enumerate("ab")], rates)
    assert Tiers.from_dict(found.to_dict()) == found
