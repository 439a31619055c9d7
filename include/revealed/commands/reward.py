"""`revealed reward`: what every shown item was worth to the person, learnt from what they chose over what."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from revealed.commands.logs import Json
from revealed.commands.output import say, say_json
from revealed.progress import to_stderr
from revealed.settings import Settings

app = typer.Typer(help="The reward model: train it, show it.", no_args_is_help=True)


@app.command()
def train(
    dataset: Annotated[
        str | None, typer.Option(help="Version of the dataset, or its first digits; left out, the newest.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train on a dataset's preference pairs, judge on people and days apart, score what was shown, register in MLflow.

    \b
    Examples:
      revealed reward train
      revealed reward train --dataset 3f2a91c04b77 --json
    """
    from revealed.reward import train_reward

    found = train_reward(Settings.from_env(), dataset, progress=to_stderr)
    if as_json:
        say_json(found.to_dict())
        return
    say(f"{found.model_id}: version {found.version} of revealed-reward, {found.run_url}")
    _say_accuracy(found.to_dict()["evaluation"])
    say(f"{found.scores.rows:,} showings of {found.scores.requests:,} requests scored: {found.scores_path}")


@app.command()
def show(
    model: Annotated[
        str | None, typer.Argument(help="The model's id; left out, the one registered last.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a reward model's card, after checking its files and scores against their checksums.

    \b
    Examples:
      revealed reward show
      revealed reward show reward-3f3a96b721e3 --json
    """
    from revealed.reward.shown import read_reward

    found = read_reward(Settings.from_env(), model)
    if as_json:
        say_json(found.to_dict())
    else:
        say(found.card)
        say(f"{found.scores.rows:,} showings scored: {found.scores_path}")


def _say_accuracy(evaluation: dict[str, Any]) -> None:
    for name, found in evaluation["accuracy"].items():
        say(f"{name:18} {found['value']:.4f}  95 % {found['low']:.4f} … {found['high']:.4f}")
    say(f"log loss {evaluation['log_loss']:.4f}, calibration error {evaluation['calibration_error']:.4f}")
