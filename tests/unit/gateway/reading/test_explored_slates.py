"""What a surface explores, filters and pins, over HTTP: the log has the propensities of what was drawn."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from callers import GREEDY, Calls, during, ids, logged, rules
from frequencies import Shown, agreement
from small_snapshots import ITEM_COUNT, publish, utilities

from revealed.exploration.policy import Exploration
from revealed.exploration.slate_propensities import plackett_luce_slate_propensities
from revealed.settings import Settings


def test_propensities_are_those_of_the_pool_that_was_drawn_from(settings: Settings) -> None:
    """What was excluded is not in the pool: the rest's chances are as if it had never been in the list."""
    answer = during(settings, lambda made: made.recommend("u000", k=4, exclude=["i00", "i02"]))
    left = [f"i{n:02d}" for n in range(20) if n not in (0, 2)]
    weights = utilities(20)[[int(item[1:]) for item in left]] / 0.5
    expected = plackett_luce_slate_propensities(
        weights.astype(float), np.array([left.index(item) for item in ids(answer)])
    )
    assert [entry["propensity"] for entry in answer["items"]] == pytest.approx(expected.tolist(), rel=1e-9)


def shown_for(settings: Settings, requests: int, text: str, *, at_once: int = 1) -> list[Shown]:
    rules(settings, text)

    async def calls(made: Calls) -> list[Shown]:
        found: list[Shown] = []

        async def one_after_another() -> None:
            for _ in range(requests // at_once):
                answer = await made.recommend("u000", k=3)
                found.append((ids(answer), [entry["propensity"] for entry in answer["items"]]))

        await asyncio.gather(*(one_after_another() for _ in range(at_once)))
        return found

    return during(settings, calls)


POLICIES = {
    "greedy": GREEDY,
    "epsilon_greedy": '[exploration]\npolicy = "epsilon_greedy"\nepsilon = 0.4\ncandidates = 6\n',
    "plackett_luce": "[exploration]\ntemperature = 1.0\ncandidates = 8\n",
}


@pytest.mark.parametrize("policy", POLICIES)
def test_over_http_items_come_at_positions_as_often_as_is_logged(settings: Settings, policy: str) -> None:
    slates = shown_for(settings, 200, POLICIES[policy])
    assert agreement(slates) > 1e-4
    lines = logged(settings)
    assert [
        ([i["item_id"] for i in line["items"]], [i["propensity"] for i in line["items"]]) for line in lines
    ] == slates
    assert len({line["request_id"] for line in lines}) == 200


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES)
def test_over_http_in_a_hundred_thousand_requests(settings: Settings, policy: str) -> None:
    slates = shown_for(settings, 100_000, POLICIES[policy], at_once=32)
    assert len(slates) == 100_000
    assert agreement(slates) > 1e-4


def test_two_gateways_do_not_throw_the_same_dice(settings: Settings) -> None:
    async def calls(made: Calls) -> list[str]:
        return [item for _ in range(8) for item in ids(await made.recommend("u000"))]

    assert during(settings, calls, seed=None) != during(settings, calls, seed=None)


def test_what_is_pinned_is_always_there_and_the_rest_explores_around_it(settings: Settings) -> None:
    publish(settings, 2, pinned={1: "i38"})

    async def calls(made: Calls) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        slates = [await made.recommend("u000", k=3, exclude=["i00"]) for _ in range(20)]
        return slates, await made.recommend("u000", k=3, exclude=["i38"])

    slates, without = during(settings, calls)
    pins = [answer["items"][1] for answer in slates]
    assert {(pin["item_id"], pin["propensity"], pin["source"]) for pin in pins} == {("i38", 1.0, "pin")}
    assert len({tuple(ids(answer)) for answer in slates}) > 5
    assert all(answer["items"][place]["propensity"] < 1 for answer in slates for place in (0, 2))
    assert "i38" not in ids(without)
    assert len(ids(without)) == 3


def test_a_surface_filters_and_pins_what_other_surfaces_do_not(settings: Settings) -> None:
    surface = '[[filters]]\nfield = "topic"\ndeny = ["sport"]\nsurface = "lab"\n'
    for item, position in (("i36", 1), ("i04", 3), ("i37", 2), ("i99", 2), ("i38", 50)):
        surface += f'[[pins]]\nitem = "{item}"\nposition = {position}\nsurface = "lab"\n' * (item != "i99")
    rules(settings, GREEDY + surface)

    async def calls(made: Calls) -> list[dict[str, Any]]:
        return [
            await made.recommend("u000", k=5),
            await made.recommend("u000", k=5, surface="lab"),
            await made.recommend("u000", k=5, surface="lab", exclude=["i36", "i02"]),
        ]

    home, lab, without = during(settings, calls)
    assert ids(home) == ["i00", "i01", "i02", "i03", "i04"]
    # Odd items are of sport: i37 may not be pinned there. i36 is on nobody's list; i04 is, further up.
    assert ids(lab) == ["i36", "i00", "i04", "i02", "i06"]
    assert [entry["source"] for entry in lab["items"]] == ["pin", "als", "pin", "als", "als"]
    assert ids(without) == ["i00", "i06", "i04", "i08", "i10"]


def test_a_surface_explores_by_its_own_rules(settings: Settings) -> None:
    rules(settings, f'{GREEDY}[exploration.surfaces.lab]\npolicy = "epsilon_greedy"\nepsilon = 1.0\n')

    async def calls(made: Calls) -> list[dict[str, Any]]:
        return [await made.recommend("u000"), await made.recommend("u000", surface="lab")]

    plain, lab = during(settings, calls)
    assert [entry["propensity"] for entry in plain["items"]] == [1.0] * 10
    assert [entry["propensity"] for entry in lab["items"]] == pytest.approx([1 / 20] * 10)
    assert [answer["policy"] for answer in (plain, lab)] == ["greedy", "epsilon_greedy"]


def test_a_slate_that_is_too_long_for_a_line_is_cut_and_keeps_its_propensities(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"k": 20, "context": '{"a": "' + "x" * 8_000 + '"}'}
    whole = during(settings, lambda made: made.recommend("u000", **asked))
    monkeypatch.setattr("revealed.gateway.decisions.MAX_LINE_BYTES", 9_300)
    cut = during(settings, lambda made: made.recommend("u000", **asked))
    assert 0 < len(cut["items"]) < len(whole["items"])
    assert cut["items"] == whole["items"][: len(cut["items"])]
    assert len(logged(settings)[-1]["items"]) == len(cut["items"])
    monkeypatch.setattr("revealed.gateway.decisions.MAX_LINE_BYTES", 8_000)
    assert during(settings, lambda made: made.recommend("u000", **asked))["items"] == []


def test_defaults_are_those_of_exploration(settings: Settings) -> None:
    answer = during(settings, lambda made: made.recommend("u000"))
    assert answer["policy"] == Exploration().policy
    assert len(answer["items"]) == 10
    assert ITEM_COUNT > 20
