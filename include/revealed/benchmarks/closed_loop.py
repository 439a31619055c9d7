"""Does the closed loop learn? Arms that serve, log and learn side by side, judged by a truth that none of them reads.

A service that showed the most recent articles hands over to the platform. Each learning arm then lives in a loop of its own:
what people do with its slates is logged, lands, is built, audited, frozen and learnt from, and becomes its next generation's
lists. In one process, without HTTP and without Airflow; the truth is known to the simulated people and to the judge.
"""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from revealed.benchmarks.closed_loop_arms import ARMS, STATIC, Arm
from revealed.benchmarks.closed_loop_platform import Platform
from revealed.benchmarks.closed_loop_readout import compared, per_generation, summarised
from revealed.benchmarks.closed_loop_service import Service, Shown
from revealed.benchmarks.closed_loop_world import DAYS_A_GENERATION, WARM_UP_DAYS, LoopSize, draw_loop_world
from revealed.durable import canonical_json, remove_tree, write_json
from revealed.progress import Progress, quiet
from revealed.settings import Settings
from revealed.simulation.config import DAY_MS
from revealed.simulation.population import World


@dataclass(frozen=True)
class ArmRun:
    """What one arm did in the world of one seed.

    Attributes:
        seed: of the world.
        arm: which one.
        notes: what the judge noted, wave by wave.
        curve: the examination curve that its last generation learnt with; empty where nothing is learnt.
        cold_items: of each generation, what content was found good for in placing new items.
    """

    seed: int
    arm: Arm
    notes: list[Shown]
    curve: list[dict[str, Any]]
    cold_items: list[dict[str, Any]]


def bench_loop(
    seeds: Sequence[int] = (1, 2, 3),
    *,
    size: LoopSize | None = None,
    arms: Sequence[Arm] = ARMS,
    keep: Path | None = None,
    folder: Path | None = None,
    progress: Progress = quiet,
) -> dict[str, Any]:
    """Return the experiment's figures, as `report` does.

    Args:
        seeds: of the worlds.
        size: of each; `LoopSize()` by default.
        arms: who takes part.
        keep: a folder where each seed's figures are kept; those that are there, of the same size and arms, are not run again.
        folder: where the homes are made, and removed again; the system's by default.
        progress: told at each generation.
    """
    size = size or LoopSize()
    found = []
    for seed in seeds:
        kept = keep / f"{_experiment(size, arms)}-seed-{seed}.json" if keep else None
        if kept is not None and kept.is_file():
            found.append(json.loads(kept.read_bytes()))
            continue
        found.append(seed_figures(run_seed(seed, size, arms, folder, progress)))
        if kept is not None:
            write_json(kept, found[-1])
    return report(found)


def seed_figures(runs: Iterable[ArmRun]) -> dict[str, Any]:
    """Return what `report` needs of one seed's runs: plain JSON values."""
    rows, curves = [], []
    for run in runs:
        rows += per_generation(run.seed, run.arm.name, run.notes)
        if run.curve:
            curves.append(
                {"seed": run.seed, "arm": run.arm.name, "curve": run.curve, "cold_items": run.cold_items}
            )
    return {"rows": rows, "curves": curves}


def report(seeds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return plain JSON values of the figures of some seeds.

    `rows`: a seed, arm and generation each, `generations`: their means over seeds, `differences`: paired by seed, over the
    last two generations, with 95 % intervals over seeds, and `curves`: how each arm's last generation took positions, and
    what content was good for in each.
    """
    rows = [row for figures in seeds for row in figures["rows"]]
    last = max(row["generation"] for row in rows)
    return {
        "seeds": sorted({row["seed"] for row in rows}),
        "rows": rows,
        "generations": summarised(rows),
        "differences": compared(rows, last),
        "curves": [curve for figures in seeds for curve in figures["curves"]],
    }


def _experiment(size: LoopSize, arms: Sequence[Arm]) -> str:
    """Return a name that no other experiment has."""
    said = {"size": asdict(size), "arms": [msgspec.to_builtins(arm) for arm in arms]}
    return hashlib.sha256(canonical_json(said)).hexdigest()[:12]


def run_seed(
    seed: int,
    size: LoopSize,
    arms: Sequence[Arm] = ARMS,
    folder: Path | None = None,
    progress: Progress = quiet,
) -> Iterator[ArmRun]:
    """Yield what every arm did in the world of one seed; the days before the first generation are lived once for all."""
    world = draw_loop_world(seed, size)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        warm = Service(world, size.feed)
        warm.serve_days(0, STATIC, None)
        home = Path(place) / "warm-up"
        settings = replace(Settings.from_env(), home=home, landing_grace_seconds=0.0, holdout_days=1)
        started = Platform(settings, world, told=size.told)
        if any(arm.learns for arm in arms):
            progress(f"seed {seed}: learning from the days of the static list")
            started.learn(warm.traffic, _until(world, 1))
        for number, arm in enumerate(arms):
            service = copy.deepcopy(warm, {id(world): world})
            platform = _copied(started, Path(place) / f"arm-{number}", arm)
            curve = _run(service, platform, arm, size, progress) if arm.learns else []
            if not arm.learns:
                _serve_only(service, arm, size)
            yield ArmRun(seed, arm, service.notes, curve, platform.cold_items if arm.learns else [])
            remove_tree(platform.settings.home)


def _copied(started: Platform, home: Path, arm: Arm) -> Platform:
    if arm.learns:
        shutil.copytree(started.settings.home, home, symlinks=True)
    own = replace(started.settings, home=home)
    return replace(started, settings=own, arm=arm, cold_items=[*started.cold_items])


def _serve_only(service: Service, arm: Arm, size: LoopSize) -> None:
    for generation in range(1, size.generations + 1):
        service.serve_days(generation, arm, None)


def _run(
    service: Service, platform: Platform, arm: Arm, size: LoopSize, progress: Progress
) -> list[dict[str, Any]]:
    """Serve and learn, generation after generation; return the examination curve of the last one."""
    for generation in range(1, size.generations + 1):
        progress(f"seed {service.world.config.seed}, {arm.name}", generation, size.generations)
        if generation > 1:
            platform.learn(service.traffic, _until(service.world, generation))
        service.serve_days(generation, arm, platform.make_lists(generation))
    return platform.examination()


def _until(world: World, generation: int) -> int:
    """Return the midnight before a generation's first day, in epoch milliseconds."""
    days = WARM_UP_DAYS + (generation - 1) * DAYS_A_GENERATION
    return world.config.start_ms + days * DAY_MS
