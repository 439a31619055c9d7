"""`revealed evaluate`: judge rankings on anybody's split, and policies on anybody's log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from revealed.commands.logs import Json
from revealed.commands.output import say, say_json, table
from revealed.progress import to_stderr
from revealed.settings import Settings

if TYPE_CHECKING:
    from revealed.evaluation import Comparison
    from revealed.evaluation.off_policy import PolicyValue

app = typer.Typer(
    help="Judge rankings on splits and policies on logs, whoever made them.", no_args_is_help=True
)

_COLUMNS = ("estimator", "verdict", "estimate", "ci_low", "ci_high", "ess", "max_weight")


_METRICS = (
    "recall@20",
    "ndcg@20",
    "recall@10",
    "ndcg@10",
    "map@10",
    "mrr@10",
)
_LISTS = ("coverage@10", "gini@10", "novelty@10", "diversity@10", "popularity_lift@10", "calibration@10")


@app.command()
def ranking(
    train: Annotated[Path, typer.Option(help="Parquet: user_id, item_id [confidence, timestamp].")],
    test: Annotated[Path, typer.Option(help="Parquet: user_id, item_id.")],
    tune: Annotated[
        bool, typer.Option("--tune", help="Search the parameters on the train file first.")
    ] = False,
    trials: Annotated[int, typer.Option(help="Of the search, with few factors.", min=1)] = 25,
    factors: Annotated[int, typer.Option(help="Length of a factor vector.", min=1)] = 512,
    as_json: Json = False,
) -> None:
    """Fit on one file, rank every item, and judge by the other: the trial of a challenger, on your own split.

    The model is ALS with frequency-scaled regularisation; popularity stands beside it. Pairs of the train file are not
    recommended. An interrupted search goes on where it was.

    \b
    Examples:
      revealed evaluate ranking --train train.parquet --test test.parquet --factors 64
      revealed evaluate ranking --train train.parquet --test test.parquet --tune --json
    """
    from revealed.training.split_trial import judge_split

    judged = judge_split(
        Settings.from_env(), train, test, factors=factors, trials=trials if tune else 0, progress=to_stderr
    )
    if as_json:
        say_json(judged.to_dict())
        return
    _say_comparison(judged.comparison)
    say(
        f"{judged.comparison.test_pairs:,} pairs of {judged.comparison.users:,} people; parameters {judged.parameters}"
    )
    if judged.repeated:
        say(f"{judged.repeated:,} test pairs are in the train file as well, and were left out")


def _say_comparison(comparison: Comparison) -> None:
    metrics = comparison.metrics
    for names in (_METRICS, _LISTS):
        known = [name for name in names if all(name in found for found in metrics.values())]
        say(table([{"model": model} | {name: metrics[model][name] for name in known} for model in metrics]))
        say("")
    rows = [
        {"cohort": f"{cohort.name} {cohort.side}s", "test users": cohort.users, "model": model}
        | cohort.metrics[model]
        | dict(zip(("ci_low", "ci_high"), cohort.intervals[model], strict=True))
        for cohort in comparison.cohorts
        for model in cohort.metrics
    ]
    say(table(rows))
    for cohort in comparison.cohorts:
        say(f"{cohort.name} {cohort.side}s: {cohort.definition}")
    say("")


@app.command()
def policy(
    log: Annotated[
        Path, typer.Option(help="Parquet: item_id, position, propensity, reward [user_id, context].")
    ],
    target: Annotated[
        str,
        typer.Option(
            help="`uniform`, or Parquet: item_id, position, propensity [context]; or a log of the policy's own choices."
        ),
    ],
    clip: Annotated[
        float | None,
        typer.Option(help="Largest weight of clipped_ips and switch_dr; default: root of the rows."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Estimate what a policy would have earned a shown item, from the log of another one, or say why the log cannot tell.

    The propensity is the rank marginal: the probability of this item at this position. A value is refused, with what would
    be needed, where too few rows, people or choices carry it.

    \b
    Examples:
      revealed evaluate policy --log shown.parquet --target uniform
      revealed evaluate policy --log shown.parquet --target challenger.parquet --json
    """
    from revealed.evaluation.off_policy import evaluate_policy, read_policy_log, read_target, uniform
    from revealed.evaluation.off_policy.target import UNIFORM

    settings = Settings.from_env()
    shown = read_policy_log(settings, log)
    asked = uniform(shown) if target == UNIFORM else read_target(settings, Path(target), shown)
    found = evaluate_policy(shown, asked, clip=clip)
    if as_json:
        say_json(found.to_dict())
        return
    _say(found)


def _say(found: PolicyValue) -> None:
    support = found.support
    say(f"{found.target}: {found.verdict}{', ' + found.reason if found.reason else ''}")
    rows = [vars(value) | {"ess": round(value.ess)} for value in (found.logging, *found.estimators)]
    say(table(rows, _COLUMNS))
    for value in found.estimators:
        if value.reason and value.reason != found.reason:
            say(f"{value.estimator}: {value.reason}")
    say(
        f"{support.rows:,} rows of {support.people:,} people or groups; mean weight {support.mean_weight:.3f} ± "
        f"{support.mean_weight_se:.3f}, largest {support.max_weight_share:.2%} of all; {support.supported:.1%} of the policy's "
        f"choices are in the log; weights are capped at {support.clip:,.1f}, which takes away {support.clipped:.1%}"
    )
