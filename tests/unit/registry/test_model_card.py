"""The model card says what the data say, and which limits they show."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from planted_world import AS_OF
from test_model_gates import evaluation

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))
from test_als_truth import fitted, planted

from revealed.evaluation import Comparison
from revealed.evaluation.tiers import Tiers
from revealed.feedback import DatasetManifest
from revealed.registry.model_card import CardFacts, model_card
from revealed.registry.report import comparison_table
from revealed.training.candidates import Trial
from revealed.training.champion import ChampionEntry
from revealed.training.device import Device
from revealed.training.off_policy_trial import OffPolicyTrial
from revealed.training.refresh import Fit
from revealed.training.tuning import Tuning

_MORE = ("ndcg@20", "recall@10", "recall@20", "map@10", "mrr@10", "gini@10", "novelty@10")


def comparison(**changes: Any) -> Comparison:
    found = Comparison.from_dict(evaluation(**({"users": 500} | changes))["comparison"])
    for values in found.metrics.values():
        values |= dict.fromkeys(_MORE, 0.5)
    return found


def trial(found: Comparison, chosen: str = "als", newcomers: int = 0, reason: str = "") -> Trial:
    return Trial(
        comparison=found,
        tiers=Tiers(0, {}, []),
        off_policy=OffPolicyTrial(0, 0, 0, reason, {}, []),
        newcomers=newcomers,
        chosen=chosen,
        because=f"{chosen} it is",
    )


def facts(found: Comparison, **changes: Any) -> CardFacts:
    data = planted()
    dataset = DatasetManifest(
        path=Path("d"),
        version="d00d",
        as_of=AS_OF,
        split=AS_OF - timedelta(days=7),
        holdout_days=7,
        policy_version="2026-01",
        files={},
        warehouse={"generation": 3, "audit": {"passed": True, "checks": 220}},
        code_revision="abc",
        created_at="",
    )
    model = fitted(data)
    champion = ChampionEntry("4", "als", "refitted", model) if "champion" in found.metrics else None
    whole = CardFacts(
        dataset=dataset,
        model=model,
        data=data,
        trial=trial(found),
        champion=champion,
        tuning=Tuning(
            model.parameters, [{"value": 0.25, "state": "COMPLETE", "regularization": 30.0}], "best of 4"
        ),
        fit=Fit("full", "asked for", AS_OF.isoformat()),
        device=Device("cpu", "no card"),
        code_revision="c0de",
    )
    return replace(whole, **changes)


def limits(card: str) -> list[str]:
    text = card[card.index("## Known limits") : card.index("## The way back")]
    return [line for line in text.splitlines() if line.startswith("* ")]


def test_a_card_says_what_the_model_is_made_of_and_how_it_did() -> None:
    found = comparison(champion=0.2)
    card = model_card(facts(found, trial=trial(found, reason="no propensities")))
    for part in (
        "`d00d`",
        "2026-02-01 00:00 UTC",
        "2026-01-25 to 2026-02-01 (7 days)",
        "`2026-01`",
        "passed, 220 checks",
        "factors = 8, regularization = 1.0",
        "best of 4",
        "cpu: no card",
        "`c0de`",
        "Ranks 60 items for 150 users",
        "1,800: 1,800 liked, 0 not",
        comparison_table(found, "als"),
        "The champion is version 4",
        "Value on the log: no propensities.",
        "| fit | full: asked for |",
        "0.2500 with regularization 30",
        "`revealed model rollback --publish --note WHY`",
    ):
        assert part in card


def test_a_good_models_only_limits_are_the_tests_size_and_what_is_never_shown() -> None:
    assert limits(model_card(facts(comparison()))) == [
        "* 500 users and 500 liked items were tested on.",
        "* Of the catalogue, 50.0% is in no test user's first ten.",
    ]


@pytest.mark.parametrize(
    ("found", "changes", "limit"),
    [
        (comparison(users=30), {}, "Only 30 users"),
        (comparison(als=0.105), {}, "Not clearly better than popularity"),
        (comparison(champion=0.299), {}, "Not clearly better than champion"),
        (comparison(), {"tuning": Tuning({}, [], "not tuned: too many pairs")}, "not tuned: too many pairs"),
        (
            comparison(),
            {"trial": trial(comparison(), reason="no propensities")},
            "not known: no propensities",
        ),
        (
            comparison(chosen="popularity"),
            {"trial": trial(comparison(), chosen="popularity", newcomers=12)},
            "12 users arrived within the test days",
        ),
        (
            comparison(),
            {"trial": trial(comparison(), chosen="popularity")},
            "Shows everybody the same items",
        ),
    ],
)
def test_each_limit_is_told_where_the_data_show_it(
    found: Comparison, changes: dict[str, Any], limit: str
) -> None:
    assert limit not in "\n".join(limits(model_card(facts(comparison()))))
    assert limit in "\n".join(limits(model_card(facts(found, **changes))))


def test_people_who_like_nothing_and_an_unaudited_dataset_are_limits() -> None:
    known = facts(comparison())
    known.data.confidence.data[known.data.confidence.indptr[0] : known.data.confidence.indptr[1]] = -1
    told = limits(model_card(replace(known, dataset=replace(known.dataset, warehouse={}))))
    assert "* 1 of 150 users like nothing yet; they get lists from elsewhere." in told
    assert "* The dataset does not come from an audited warehouse." in told
