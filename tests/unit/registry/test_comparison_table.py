"""The tables that a reviewer reads: rectangular Markdown, the right figures, and older comparisons still readable."""

from __future__ import annotations

from dataclasses import replace

import pytest

from revealed.evaluation import Cohort, Comparison, Difference
from revealed.registry.report import cohort_table, comparison_table

MODELS = ("popularity", "als", "champion")
RANKED = {"ndcg@10": 0.25, "recall@20": 0.5, "coverage@10": 0.125, "popularity_lift@10": 1.5}


def comparison() -> Comparison:
    differences = [Difference("ndcg@10", "als", "popularity", 0.05, 0.01, 0.09)]
    intervals = dict.fromkeys(MODELS, (0.2, 0.3))
    cohorts = [
        Cohort(
            side,
            "new",
            f"few {side}s",
            1_234,
            9,
            {name: {"ndcg@10": 0.125, "recall@20": 0.5} for name in MODELS},
            dict.fromkeys(MODELS, (0.1, 0.15)),
            [],
        )
        for side in ("user", "item")
    ]
    metrics = {name: dict(RANKED) for name in MODELS}
    return Comparison(2_000, 9_000, metrics, intervals, differences, cohorts, immature_pairs=312)


def tables(text: str) -> list[list[list[str]]]:
    """Each table as rows of cells; a table ends at a line that is none."""
    found: list[list[list[str]]] = [[]]
    for line in text.splitlines():
        if line.startswith("|"):
            found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        elif found[-1]:
            found.append([])
    return [table for table in found if table]


def test_every_table_is_rectangular_and_begins_with_the_challenger() -> None:
    ranking, differences, lists, cohorts = tables(comparison_table(comparison(), "als"))
    for table in (ranking, differences, lists, cohorts):
        assert {len(row) for row in table} == {len(table[0])}
        assert set(table[1]) == {"---"}
    assert ranking[0] == ["model", "ndcg@10", "recall@20"]
    assert [row[0] for row in ranking[2:]] == ["**als** (challenger)", "popularity", "champion"]
    assert differences[2] == ["challenger − popularity", "+0.0500", "+0.0100 … +0.0900"]
    assert lists[0] == ["model", "coverage@10", "popularity_lift@10"]
    assert lists[2] == ["**als** (challenger)", "0.125", "1.5"]
    assert cohorts[2] == ["new users", "1,234", *["0.1250 (0.1000 … 0.1500)"] * 3]
    assert [row[0] for row in cohorts[2:]] == ["new users", "new items"]


def test_what_was_left_out_and_who_the_cohorts_are_is_said() -> None:
    text = comparison_table(comparison(), "als")
    assert "9,000 liked items of 2,000 test users; 312 younger ones left out" in text
    assert "**new users**: few users; **new items**: few items" in text
    assert "left out" not in comparison_table(replace(comparison(), immature_pairs=0), "als")


def test_an_older_comparison_has_no_cohort_table() -> None:
    old = replace(comparison(), cohorts=[])
    assert "test users |" not in comparison_table(old, "als")


@pytest.mark.parametrize("absent", ["champion"])
def test_a_model_that_a_cohort_does_not_know_is_a_dash(absent: str) -> None:
    found = comparison()
    cohort = replace(
        found.cohorts[0],
        metrics={name: value for name, value in found.cohorts[0].metrics.items() if name != absent},
    )
    (table,) = tables(cohort_table(replace(found, cohorts=[cohort]), "als"))
    assert table[2][-1] == "–"
