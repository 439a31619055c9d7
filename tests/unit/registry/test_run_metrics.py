"""What stands beside a challenger's own figures in its run."""

from __future__ import annotations

from test_model_gates import evaluation

from revealed.evaluation import Comparison
from revealed.registry.run_metrics import comparison_metrics, loss_history
from revealed.training.popularity import Popularity


def test_the_others_figures_and_the_differences_stand_beside_the_challengers() -> None:
    comparison = Comparison.from_dict(evaluation(als=0.3, popularity=0.1, champion=0.25)["comparison"])
    found = comparison_metrics(comparison, "als")
    assert found["ndcg_at_10"] == 0.3
    assert found["champion/ndcg_at_10"] == 0.25
    assert found["popularity/coverage_at_10"] == 0.5
    assert found["minus_champion/ndcg_at_10"] == 0.3 - 0.25
    assert found["minus_popularity/ndcg_at_10_low"] == 0.3 - 0.1 - 0.01
    assert (found["ndcg_at_10_low"], found["ndcg_at_10_high"]) == (0.3 - 0.01, 0.3 + 0.01)
    assert not [name for name in found if "@" in name or name.startswith("als/")]


class Swept(Popularity):
    def __init__(self) -> None:
        super().__init__()
        self.history = [(1, 0.5), (2, 0.25)]


def test_the_loss_of_each_sweep_is_taken_where_the_model_keeps_it() -> None:
    assert loss_history(Swept()) == [(1, 0.5), (2, 0.25)]
    assert loss_history(Popularity()) == []
