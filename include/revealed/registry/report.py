"""What a reviewer reads, as Markdown: Airflow's approval page and MLflow's version page show the same tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from revealed.evaluation import Cohort, Comparison
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

_RANKING = ("ndcg@10", "ndcg@20", "recall@10", "recall@20", "map@10", "map@20", "mrr@10", "mrr@20")
_LISTS = ("coverage@10", "gini@10", "novelty@10", "diversity@10", "popularity_lift@10", "calibration@10")


def comparison_table(comparison: Comparison, chosen: str) -> str:
    """Return the figures of every model, the challenger first: ranking, differences with intervals, lists, cohorts."""
    names = [chosen, *(name for name in comparison.metrics if name != chosen)]
    lines = _metrics_table(comparison, names, _RANKING)
    lines += ["", f"| difference in {DECISIVE} | estimate | 95 % interval |", "|---|---|---|"]
    for name in names[1:]:
        found = comparison.difference(chosen, name)
        if found:
            lines.append(
                f"| challenger − {name} | {found.estimate:+.4f} | {found.low:+.4f} … {found.high:+.4f} |"
            )
    lines += ["", _test_of(comparison), *_tie(comparison, chosen)]
    lines += ["", *_metrics_table(comparison, names, _LISTS), "", _MEANING]
    return "\n".join(lines) + (f"\n\n{cohort_table(comparison, chosen)}" if comparison.cohorts else "")


def cohort_table(comparison: Comparison, chosen: str) -> str:
    """Return the decisive metric of every model in each cohort with its interval, and who the cohorts are."""
    names = [chosen, *(name for name in comparison.metrics if name != chosen)]
    titles = [_titled(name, chosen) for name in names]
    lines = [
        f"| {DECISIVE}, 95 % interval | test users | {' | '.join(titles)} |",
        "|---" * (len(names) + 2) + "|",
    ]
    for cohort in comparison.cohorts:
        cells = [_with_interval(cohort, name) for name in names]
        lines.append(f"| {cohort.name} {cohort.side}s | {cohort.users:,} | {' | '.join(cells)} |")
    told = [f"**{cohort.name} {cohort.side}s**: {cohort.definition}" for cohort in comparison.cohorts]
    return "\n".join([*lines, "", f"{'; '.join(told)}. In a cohort of items only its items are to be found."])


_MEANING = (
    "Ten places. Coverage: share of the catalogue that anybody is shown. Gini: 0 all items alike, 1 one has every place."
    " Novelty: mean -log2 of the share of people who like the item, bits. Diversity: mean of 1 - cosine of who likes two items"
    " of a list. Popularity lift: how much more liked the items are than those people chose themselves, 0 as much, 1 twice."
    " Calibration: divergence of a list's topics from those of the person's own likes, nats, 0 the same."
)


def _metrics_table(comparison: Comparison, names: Sequence[str], columns: Sequence[str]) -> list[str]:
    """Return a row a model; columns that no model has are left out."""
    known = [column for column in columns if any(column in comparison.metrics[name] for name in names)]
    lines = [f"| model | {' | '.join(known)} |", "|---" * (len(known) + 1) + "|"]
    for name in names:
        found = comparison.metrics[name]
        values = " | ".join(f"{found[column]:.4g}" if column in found else "–" for column in known)
        lines.append(f"| {_titled(name, names[0])} | {values} |")
    return lines


def _test_of(comparison: Comparison) -> str:
    pairs = f"{comparison.test_pairs:,} liked items of {comparison.users:,} test users"
    immature = (
        f"; {comparison.immature_pairs:,} younger ones left out, for their labels may still change"
        if comparison.immature_pairs
        else ""
    )
    return f"{pairs}{immature}; every item of the catalogue ranked; paired bootstrap over users."


def _with_interval(cohort: Cohort, name: str) -> str:
    if name not in cohort.metrics:
        return "–"
    low, high = cohort.intervals[name]
    return f"{cohort.metrics[name][DECISIVE]:.4f} ({low:.4f} … {high:.4f})"


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
        "evaluation_twin": "as its twin, fitted on the training fold of its own time: it knows nothing of the test days",
        "refitted": "its recipe fitted anew on the training fold, for it has seen test days",
    }
    return f"The champion is version {version}, {meaning[how]}."


def _titled(name: str, chosen: str) -> str:
    return f"**{name}** (challenger)" if name == chosen else name
