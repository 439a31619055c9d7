"""Each gate fails for its own reason, and only for it."""

from __future__ import annotations

from typing import Any

import pytest

from revealed.evaluation import Comparison, Difference
from revealed.registry.gates import judge
from revealed.registry.versions import ModelVersion
from revealed.training.candidates import choose

VERSION = ModelVersion("2", "run", ("challenger",), {"model_id": "als-1"})
CHAMPION = ModelVersion("1", "run", ("champion",), {"model_id": "als-0"})


def evaluation(
    als: float = 0.30,
    popularity: float = 0.10,
    champion: float | None = None,
    *,
    half_width: float = 0.01,
    coverage: float = 0.5,
    users: int = 200,
    chosen: str = "als",
    audited: bool = True,
) -> dict[str, Any]:
    values = {"als": als, "popularity": popularity} | ({"champion": champion} if champion is not None else {})
    differences = [
        Difference(
            "ndcg@10",
            a,
            b,
            values[a] - values[b],
            values[a] - values[b] - half_width,
            values[a] - values[b] + half_width,
        )
        for a in values
        for b in values
        if a != b
    ]
    comparison = Comparison(
        users=users,
        test_pairs=users,
        metrics={name: {"ndcg@10": value, "coverage@10": coverage} for name, value in values.items()},
        intervals={name: (value - half_width, value + half_width) for name, value in values.items()},
        differences=differences,
    )
    return {
        "chosen": chosen,
        "champion": {"version": "1", "how": "refitted"} if champion is not None else None,
        "dataset": {"dataset_version": "d", "is_audited": audited},
        "comparison": comparison.to_dict(),
    }


def failed(
    found: dict[str, Any], version: ModelVersion = VERSION, champion: ModelVersion | None = None
) -> list[str]:
    return [gate.name for gate in judge(found, version, champion) if not gate.passed]


def test_a_good_challenger_passes_with_and_without_a_champion() -> None:
    assert failed(evaluation()) == []
    assert failed(evaluation(champion=0.28), champion=CHAMPION) == []


@pytest.mark.parametrize(
    ("found", "gate"),
    [
        (evaluation(als=0.09), "better than popularity"),
        (evaluation(als=0.105, half_width=0.02), "better than popularity"),
        (evaluation(coverage=0.001), "catalogue coverage"),
        (evaluation(users=5), "test users"),
        (evaluation(audited=False), "dataset from an audited warehouse"),
    ],
)
def test_each_shortcoming_fails_its_own_gate(found: dict[str, Any], gate: str) -> None:
    assert failed(found) == [gate]


def test_slightly_uncertain_is_not_better() -> None:
    # +0.004: an interval down to -0.004 is what an equal model shows every other time, one from +0.001 on is not.
    assert failed(evaluation(als=0.104, half_width=0.008)) == ["better than popularity"]
    assert failed(evaluation(als=0.104, half_width=0.003)) == []


def test_the_champion_may_be_missed_by_a_tenth_and_no_more() -> None:
    assert failed(evaluation(als=0.271, champion=0.30), champion=CHAMPION) == []
    assert failed(evaluation(als=0.269, champion=0.30), champion=CHAMPION) == ["not worse than the champion"]


def test_a_comparison_with_somebody_else_than_the_champion_in_service_does_not_count() -> None:
    gate = ["compared with the champion in service"]
    assert failed(evaluation(), champion=CHAMPION) == gate
    assert failed(evaluation(champion=0.2)) == gate


def test_a_decided_version_is_not_decided_again() -> None:
    decided = ModelVersion("2", "run", (), {"decision": "rejected"})
    assert failed(evaluation(), decided) == ["not decided before"]


def test_popularity_passes_where_no_personal_model_beats_it_but_must_not_lose_to_the_champion() -> None:
    world = evaluation(als=0.08, popularity=0.10, chosen="popularity", coverage=0.001)
    assert failed(world) == []
    lost = evaluation(als=0.08, popularity=0.10, champion=0.30, chosen="popularity")
    assert failed(lost, champion=CHAMPION) == ["not worse than the champion"]


@pytest.mark.parametrize(
    ("als", "popularity", "chosen"),
    [(0.3, 0.1, "als"), (0.1, 0.3, "popularity"), (0.2, 0.2, "popularity"), (0.104, 0.1, "popularity")],
)
def test_the_better_model_becomes_the_challenger_and_the_champion_never_does(
    als: float, popularity: float, chosen: str
) -> None:
    found = evaluation(als=als, popularity=popularity, champion=0.9)
    name, because = choose(Comparison.from_dict(found["comparison"]))
    assert name == chosen
    assert f"{als:.4f} against {popularity:.4f}" in because
    # Whatever was chosen, the gate agrees: a world never ends without a challenger that can serve.
    assert "better than popularity" not in failed(found | {"chosen": chosen})
