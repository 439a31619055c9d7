"""What a reviewer reads, as Markdown: Airflow's approval page and MLflow's version page show the same tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from revealed.evaluation import Comparison
from revealed.evaluation.compare import DECISIVE
from revealed.registry.gates import Gate
from revealed.registry.links import artifact_image, artifact_link

if TYPE_CHECKING:
    from revealed.training.train import Training

_FIRST_PLOTS = ("ranking",)
_PAGES = {
    "model_card.md": "model card",
    "samples/recommendations.md": "sample recommendations, with the reasons",
    "evaluation.json": "all figures",
}

_COLUMNS = (
    "ndcg@10",
    "ndcg@20",
    "recall@10",
    "recall@20",
    "map@10",
    "mrr@10",
    "coverage@10",
    "gini@10",
    "novelty@10",
)


def comparison_table(comparison: Comparison, chosen: str) -> str:
    """Return the metrics of every model, the challenger first, and the decisive differences with their intervals."""
    names = [chosen, *(name for name in comparison.metrics if name != chosen)]
    lines = [f"| model | {' | '.join(_COLUMNS)} |", "|---" * (len(_COLUMNS) + 1) + "|"]
    for name in names:
        values = " | ".join(f"{comparison.metrics[name][column]:.4g}" for column in _COLUMNS)
        lines.append(f"| {_titled(name, chosen)} | {values} |")
    lines += ["", f"| difference in {DECISIVE} | estimate | 95 % interval |", "|---|---|---|"]
    for name in names[1:]:
        found = comparison.difference(chosen, name)
        if found:
            lines.append(
                f"| challenger − {name} | {found.estimate:+.4f} | {found.low:+.4f} … {found.high:+.4f} |"
            )
    pairs = f"{comparison.test_pairs:,} liked items of {comparison.users:,} test users"
    lines += ["", f"{pairs}; every item of the catalogue ranked; paired bootstrap over users."]
    return "\n".join([*lines, *_tie(comparison, chosen)])


def _tie(comparison: Comparison, chosen: str) -> list[str]:
    """Say why two models do not differ at all, lest the reviewer take it for a fault."""
    found = comparison.difference(chosen, "champion")
    if found is None or (found.low, found.estimate, found.high) != (0.0, 0.0, 0.0):
        return []
    return [
        "",
        "Challenger and champion rank alike here: same settings, and in this test the same data. What the challenger adds"
        " is the test days themselves, on which it cannot be tested; turn it down and people go on without them.",
    ]


def gates_table(gates: Sequence[Gate]) -> str:
    """Return the gates with what was found and what was asked for."""
    lines = ["| gate | found | asked for | |", "|---|---|---|---|"]
    lines += [
        f"| {gate.name} | {gate.value} | {gate.limit} | {'passed' if gate.passed else '**FAILED**'} |"
        for gate in gates
    ]
    return "\n".join(lines)


def version_description(
    training: Training, run_id: str, airflow_run_url: str | None, sections: Sequence[str] = ()
) -> str:
    """Return the text of the version's page in MLflow, which shows no figures of its own.

    Args:
        training: what is registered.
        run_id: the run that holds the model's files.
        airflow_run_url: the Airflow run that trained it.
        sections: ready-made Markdown that follows the comparison (cohorts, gates, off-policy value).
    """
    trial, champion, folder = training.trial, training.champion, training.saved.folder
    return "\n\n".join(
        [
            f"### {trial.because}",
            comparison_table(trial.comparison, trial.chosen),
            champion_line(champion.version if champion else None, champion.how if champion else ""),
            *sections,
            *_plots(folder, run_id),
            " · ".join(
                artifact_link(run_id, f"model/{name}", caption)
                for name, caption in _PAGES.items()
                if (folder / name).is_file()
            ),
            f"Airflow: {airflow_run_url or 'trained from the command line'}",
        ]
    )


def _plots(folder: Path, run_id: str) -> list[str]:
    """Return the pictures, those that decide first."""
    found = sorted(folder.glob("plots/*.png"), key=lambda path: (path.stem not in _FIRST_PLOTS, path.stem))
    return [artifact_image(run_id, f"model/plots/{path.name}", path.stem.replace("_", " ")) for path in found]


def champion_line(version: str | None, how: str) -> str:
    """Return how the champion took part."""
    if version is None:
        return "There is no champion yet."
    meaning = {
        "as_published": "as published: it knows nothing of the test days",
        "refitted": "its recipe fitted anew on the training fold, for it has seen test days",
    }
    return f"The champion is version {version}, {meaning[how]}."


def _titled(name: str, chosen: str) -> str:
    return f"**{name}** (challenger)" if name == chosen else name
