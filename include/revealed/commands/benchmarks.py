"""`revealed bench`: performance figures, printed by the commands that measured them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from revealed.commands.logs import Json
from revealed.commands.output import say, say_json, table
from revealed.progress import to_stderr

app = typer.Typer(help="Measure; figures are for this machine, at this moment.")


class Size(StrEnum):
    """How much to measure."""

    TINY = "tiny"
    QUICK = "quick"
    FULL = "full"


class LoopWorld(StrEnum):
    """Where the closed loop is tried."""

    FEED = "feed"
    BURIED = "buried"
    UNTOLD = "untold"


class Processor(StrEnum):
    """What trains."""

    CPU = "cpu"
    GPU = "gpu"


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
def feedback(
    size: Annotated[
        Size, typer.Option(help="quick: 5 M impressions, 1 M events; full: ten times that.")
    ] = Size.QUICK,
    memory_limit: Annotated[str, typer.Option(help="DuckDB's, for everything that is timed.")] = "4GB",
    keep: Annotated[Path | None, typer.Option(help="Leave the generated state in this (new) folder.")] = None,
    verify: Annotated[
        bool, typer.Option(help="Compare the last day's increment with a build from scratch.")
    ] = True,
    as_json: Json = False,
) -> None:
    """The feedback build on generated logs: CPU seconds, peak memory and the bars, as ratios within this run.

    \b
    Example:
      revealed bench feedback --size quick
    """
    from revealed.benchmarks.scale import SIZES, bench_feedback
    from revealed.benchmarks.scale.text import report

    figures = bench_feedback(
        SIZES[size], memory_limit=memory_limit, keep=keep, verify=verify, progress=to_stderr
    )
    if as_json:
        say_json(figures)
    else:
        say(report(figures))


@app.command()
def train(
    device: Annotated[
        Processor, typer.Option(help="gpu: the same on the GPU, too, beside the CPU.")
    ] = Processor.CPU,
    size: Annotated[
        Size, typer.Option(help="quick: 1 M pairs, and the matrix of 5 M; full: ten times that.")
    ] = Size.QUICK,
    as_json: Json = False,
) -> None:
    """The whole train task beside a bare implicit fit, and building the matrix: CPU seconds, peak memory, bars.

    \b
    Examples:
      revealed bench train --size full
      revealed bench train --device gpu
    """
    from revealed.benchmarks.training import SIZES, bench_train

    figures = bench_train(SIZES[size], device.value, progress=to_stderr)
    if as_json:
        say_json(figures)
        return
    steps = [
        {"step of the train task": step, "cpu_s": round(cost, 2)} for step, cost in figures["steps"].items()
    ]
    metrics = [{"metrics of": part, **values} for part, values in figures["metrics"].items()]
    say(
        f"{figures['pairs']['matrix']:,} pairs, larger matrix {figures['pairs']['larger matrix']:,}; {figures['device']}"
    )
    say("\n\n".join(table(rows) for rows in (figures["parts"], steps, metrics, figures["checks"])))


@app.command("recommend")
def recommend_command(
    size: Annotated[
        Size, typer.Option(help="quick: 20,000 items; full: 100,000, as the bar says; 20,000 users each.")
    ] = Size.QUICK,
    as_json: Json = False,
) -> None:
    """Lists of 100 for many users, without what they have seen: ours, implicit's, and the matrix product alone.

    \b
    Example:
      revealed bench recommend --size full
    """
    from revealed.benchmarks.recommend import SIZES, bench_recommend

    figures = bench_recommend(SIZES[size], progress=to_stderr)
    if as_json:
        say_json(figures)
        return
    shape = figures["shape"]
    say(
        f"{shape['users']:,} users, {shape['items']:,} items, {shape['factors']} factors, lists of {shape['k']}"
    )
    say("\n\n".join(table(figures[name]) for name in ("ways", "agreement", "checks")))


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


@app.command()
def gateway(
    seconds: Annotated[float, typer.Option(help="How long each load runs.", min=0.5)] = 8.0,
    home: Annotated[
        Path | None,
        typer.Option(help="A home whose published snapshot is served; left out, a made-up one."),
    ] = None,
    as_json: Json = False,
) -> None:
    """The gateway under load, everything durable, beside a bare ASGI echo; the client is on the same machine.

    \b
    Examples:
      revealed bench gateway
      revealed bench gateway --home .revealed --seconds 20
    """
    from revealed.benchmarks.gateway import bench_gateway

    figures = bench_gateway(seconds=seconds, home=home, progress=to_stderr)
    if as_json:
        say_json(figures)
        return
    say("\n\n".join(table(figures[name]) for name in ("rates", "latencies")))
    durable = figures["durable"]
    say(
        f"\n{durable['acknowledged']:,} events and inferences acknowledged, {durable['on_disk']:,} in the sealed segments"
    )


@app.command()
def loop(
    seeds: Annotated[int, typer.Option(help="How many worlds to try.", min=1)] = 3,
    first_seed: Annotated[int, typer.Option(help="The number of the first.", min=0)] = 1,
    generations: Annotated[int, typer.Option(help="Published snapshots of each arm.", min=2)] = 6,
    world: Annotated[
        LoopWorld,
        typer.Option(
            help="buried: people come seldom, and good new items stand behind old ones; untold: so they do, the"
            " catalogue says nothing of them, and people hardly look beyond the first places."
        ),
    ] = LoopWorld.FEED,
    plot: Annotated[Path | None, typer.Option(help="Write the picture to this PNG.")] = None,
    keep: Annotated[
        Path | None,
        typer.Option(help="Keep each world's figures in this folder, and go on from what is there."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Does the closed loop learn? A static list, learning with and without exploration, and the oracle, side by side.

    Takes about seven minutes of CPU a seed: every learning arm sends its logs through the platform once a generation.

    \b
    Examples:
      revealed bench loop --seeds 3 --plot docs/images/closed-loop.png
      revealed bench loop --world buried --seeds 5 --first-seed 4 --keep loop-figures
      revealed bench loop --seeds 1 --generations 2 --json
    """
    from dataclasses import replace

    from revealed.benchmarks.closed_loop import bench_loop
    from revealed.benchmarks.closed_loop_arms import ARMS
    from revealed.benchmarks.closed_loop_plot import closed_loop_plot
    from revealed.benchmarks.closed_loop_text import report
    from revealed.benchmarks.closed_loop_world import BURIED, UNTOLD, LoopSize
    from revealed.durable import write_bytes

    size = {LoopWorld.FEED: LoopSize(), LoopWorld.BURIED: BURIED, LoopWorld.UNTOLD: UNTOLD}[world]
    size = replace(size, generations=generations)
    figures = bench_loop(
        range(first_seed, first_seed + seeds), size=size, arms=ARMS, keep=keep, progress=to_stderr
    )
    if plot is not None:
        write_bytes(plot, closed_loop_plot(figures["rows"]))
    if as_json:
        say_json(figures)
    else:
        say(report(figures))
