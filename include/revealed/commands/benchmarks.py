"""`revealed bench`: performance figures, printed by the commands that measured them."""

from __future__ import annotations

from typing import Annotated

import typer

from revealed.commands.logs import Json
from revealed.commands.output import say, say_json, table
from revealed.progress import to_stderr

app = typer.Typer(help="Measure; figures are for this machine, at this moment.")


@app.command()
def landing(
    lines: Annotated[int, typer.Option(help="Event lines to generate and land.", min=1000)] = 300_000,
    as_json: Json = False,
) -> None:
    """Lines a second through contract, deduplication and Parquet, in one process.

    \b
    Example:
      revealed bench landing --lines 500000
    """
    from revealed.landing.benchmark import bench_landing

    figures = bench_landing(lines)
    if as_json:
        say_json(figures)
    else:
        say(table([{"input": kind, **values} for kind, values in figures.items()]))


@app.command()
def debiasing(
    seeds: Annotated[int, typer.Option(help="Worlds to try.", min=1)] = 3,
    as_json: Json = False,
) -> None:
    """True NDCG@10 of ALS on this platform's feedback and on raw clicks, in worlds whose truth is known.

    \b
    Example:
      revealed bench debiasing --seeds 3
    """
    from revealed.benchmarks.debiasing import bench_debiasing

    figures = bench_debiasing(seeds, progress=to_stderr)
    if as_json:
        say_json(figures)
    else:
        say(table(figures["rows"]))
        say(f"margin of the feedback over raw clicks: {figures['margin']:+.4f}")
