"""What each policy draws, how often, and what it says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from frequencies import Shown, agreement
from numpy.typing import NDArray

from revealed.errors import InvalidInputError, UsageError
from revealed.exploration.policy import Exploration, Slate, slate
from revealed.exploration.rules import Explorations, read_explorations
from revealed.exploration.slate_propensities import plackett_luce_slate_propensities

Floats = NDArray[np.float64]

UTILITIES = np.array([0.0, -0.2, -0.3, -0.8, -0.8, -1.1, -1.5, -2.4, -3.0])
REQUESTS = 10_000
POLICIES = [
    Exploration("greedy"),
    Exploration("epsilon_greedy", epsilon=0.3, candidates=6),
    Exploration("plackett_luce", temperature=0.5, candidates=7),
    Exploration("plackett_luce", temperature=2.0, candidates=3),  # fewer than are asked for
]
DRAWN_BY = POLICIES[2]


def shown(exploration: Exploration, requests: int, pinned: dict[int, int] | None = None) -> Iterator[Shown]:
    rng = np.random.default_rng(7)
    for _ in range(requests):
        drawn = slate(rng, UTILITIES, 4, exploration, pinned=pinned)
        yield [f"i{place}" for place in drawn.order], drawn.propensities.tolist()


@pytest.mark.parametrize("exploration", POLICIES, ids=lambda each: f"{each.policy}-{each.candidates}")
def test_items_come_at_positions_as_often_as_is_logged(exploration: Exploration) -> None:
    slates = list(shown(exploration, REQUESTS if exploration is DRAWN_BY else REQUESTS // 4))
    assert agreement(slates) > 1e-4
    assert all(len(set(items)) == 4 for items, _ in slates)


@pytest.mark.parametrize("exploration", POLICIES[1:3], ids=lambda each: f"{each.policy}-{each.candidates}")
def test_beside_pins_what_explores_comes_as_often_as_is_logged(exploration: Exploration) -> None:
    slates = list(shown(exploration, REQUESTS // 4, {0: 5, 2: 0}))
    assert agreement(slates) > 1e-4
    assert {(items[0], items[2], logged[0], logged[2]) for items, logged in slates} == {
        ("i5", "i0", 1.0, 1.0)
    }


def agreement_of(guess: Callable[[Slate], Floats]) -> float:
    """The test's verdict on a gateway that logs something else than the propensity."""
    rng = np.random.default_rng(7)
    drawn = [slate(rng, UTILITIES, 4, DRAWN_BY) for _ in range(REQUESTS // 4)]
    return agreement(([str(place) for place in each.order], guess(each).tolist()) for each in drawn)


def test_the_softmax_probability_is_not_the_propensity() -> None:
    weights = np.exp(UTILITIES[: DRAWN_BY.candidates] / DRAWN_BY.temperature)
    assert agreement_of(lambda drawn: (weights / weights.sum())[drawn.order]) < 1e-12


def test_propensities_of_a_slightly_other_policy_are_found_out() -> None:
    other = UTILITIES[: DRAWN_BY.candidates] / (DRAWN_BY.temperature * 1.2)
    assert agreement_of(lambda drawn: plackett_luce_slate_propensities(other, drawn.order)) < 1e-4
    deeper = UTILITIES / DRAWN_BY.temperature  # a pool that still held what had been left out
    assert agreement_of(lambda drawn: plackett_luce_slate_propensities(deeper, drawn.order)) < 1e-4


def test_greedy_and_no_temptation_show_the_list() -> None:
    rng = np.random.default_rng(1)
    for exploration in (Exploration("greedy"), Exploration("epsilon_greedy", epsilon=0.0)):
        drawn = slate(rng, UTILITIES, 5, exploration)
        assert drawn.order.tolist() == [0, 1, 2, 3, 4]
        assert drawn.propensities.tolist() == [1.0] * 5
    cold = slate(rng, UTILITIES - 3 * np.arange(9.0), 5, Exploration(temperature=0.05))
    assert cold.order.tolist() == [0, 1, 2, 3, 4]
    assert cold.propensities == pytest.approx(1.0)


def test_a_short_list_is_shown_whole_and_an_empty_one_is_an_empty_slate() -> None:
    rng = np.random.default_rng(1)
    assert sorted(slate(rng, UTILITIES[:3], 10, Exploration()).order) == [0, 1, 2]
    for exploration in POLICIES:
        empty = slate(rng, UTILITIES[:0], 10, exploration)
        assert (len(empty.order), len(empty.propensities), empty.pool) == (0, 0, 0)


def test_a_pin_beyond_the_slate_is_not_reached_and_its_item_may_be_drawn() -> None:
    rng = np.random.default_rng(1)
    drawn = [slate(rng, UTILITIES, 3, Exploration(temperature=5.0), pinned={7: 0}) for _ in range(200)]
    assert any(0 in each.order for each in drawn)
    assert all((each.propensities < 1).all() for each in drawn)


def test_propensities_stay_in_the_contracts_bounds_however_far_apart_utilities_are() -> None:
    rng = np.random.default_rng(1)
    for spread in (1.0, 1e3, 1e6):
        drawn = slate(rng, -spread * np.arange(9.0), 9, Exploration(temperature=0.05))
        assert ((drawn.propensities > 0) & (drawn.propensities <= 1)).all()


@pytest.mark.parametrize("pinned", [{0: 9}, {0: 1, 1: 1}, {-1: 0}])
def test_pins_that_name_no_place_or_one_twice_are_refused(pinned: dict[int, int]) -> None:
    with pytest.raises(UsageError, match="pin"):
        slate(np.random.default_rng(1), UTILITIES, 3, Exploration(), pinned=pinned)


@pytest.mark.parametrize(("utilities", "k"), [([0.0, np.nan], 1), ([0.0], 0)])
def test_lists_without_sense_are_refused(utilities: list[float], k: int) -> None:
    with pytest.raises(UsageError, match="slate"):
        slate(np.random.default_rng(1), np.array(utilities), k, Exploration())


def rules(folder: Path, text: str) -> Explorations:
    path = folder / "rules.toml"
    path.write_text(text)
    return read_explorations(path)


def test_a_surface_explores_as_its_rules_say(tmp_path: Path) -> None:
    found = rules(
        tmp_path,
        """
        [exploration]
        temperature = 0.7
        candidates = 20
        [exploration.surfaces.home]
        candidates = 40
        [exploration.surfaces.newsletter]
        policy = "epsilon_greedy"
        epsilon = 0.2
        [[pins]]
        item_id = "a"
        """,
    )
    assert found.on("article") == Exploration("plackett_luce", temperature=0.7, candidates=20)
    assert found.on("home") == Exploration("plackett_luce", temperature=0.7, candidates=40)
    assert found.on("newsletter") == Exploration("epsilon_greedy", epsilon=0.2)
    assert found.on("newsletter").parameters() == {"epsilon": 0.2, "candidates": 30}
    assert Exploration("greedy").parameters() == {}


def test_without_rules_the_defaults_hold(tmp_path: Path) -> None:
    assert read_explorations(tmp_path / "rules.toml") == Explorations()
    assert rules(tmp_path, "[caps]\nauthor = 2\n") == Explorations()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[exploration", "cannot be read"),
        ("exploration = 3", "table"),
        ("[exploration]\nsurfaces = 3", "table"),
        ("[exploration]\npolicy = 'thompson'", "thompson"),
        ("[exploration]\ntemprature = 1", "temprature"),
        ("[exploration]\ntemperature = 'hot'", "no way to explore"),
        ("[exploration]\ntemperature = nan", "temperature"),
        ("[exploration]\nepsilon = 2", "from 0 to 1"),
        ("[exploration.surfaces.home]\ncandidates = 0", "surfaces.home"),
        ("[exploration.surfaces]\nhome = 3", "surfaces.home"),
    ],
)
def test_rules_that_say_nothing_known_are_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InvalidInputError, match=told):
        rules(tmp_path, text)
