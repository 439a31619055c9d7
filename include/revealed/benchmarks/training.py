"""The whole train task beside a bare `implicit` fit on the same matrix, and the matrix alone: `revealed bench train`.

CPU seconds, each part in a process of its own (docs/decisions/bench-cpu-seconds-in-own-processes.md). Imports are before
the clock for both. On a GPU the wall clock is what counts, and the same task on the CPU is run beside it.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from revealed.benchmarks.scale.checks import Check, ratio
from revealed.benchmarks.scale.measure import machine_megabytes
from revealed.benchmarks.scale.worker import run_task
from revealed.benchmarks.training_feedback import FeedbackSize
from revealed.progress import Progress, quiet
from revealed.settings import Settings
from revealed.training.device import choose_device

# Other random numbers start the factors on a GPU, so that ranking metrics agree as seeds do (three on the CPU within 1.7 %).
AGREEMENT = 0.03
AGREEING = ("recall@20", "ndcg@10")
_MATRIX_CPU_S, _MATRIX_PEAK_MB = 30, 2_048
_TASK_RATIO, _PEAK_RATIO = 1.15, 1.5
PARAMETERS = {"factors": 64, "regularization": 50.0, "iterations": 15, "seed": 7}


@dataclass(frozen=True)
class TrainingSize:
    """One scale: the feedback that is trained on, and the larger one of which the matrix alone is built.

    `is_full` says that the bars, which are of 10 and of 50 million pairs, apply.
    """

    feedback: FeedbackSize
    matrix: FeedbackSize
    is_full: bool = False


SIZES: dict[str, TrainingSize] = {
    "tiny": TrainingSize(FeedbackSize(3_000, 800, 50_000), FeedbackSize(6_000, 800, 100_000)),
    "quick": TrainingSize(FeedbackSize(40_000, 20_000, 1_000_000), FeedbackSize(120_000, 20_000, 5_000_000)),
    "full": TrainingSize(
        FeedbackSize(300_000, 100_000, 10_500_000), FeedbackSize(1_000_000, 100_000, 50_500_000), is_full=True
    ),
}


def bench_train(
    size: TrainingSize,
    device: str = "cpu",
    *,
    parameters: dict[str, Any] | None = None,
    progress: Progress = quiet,
) -> dict[str, Any]:
    """Return `parts` (one row a measured part), `steps` (CPU seconds of the train task's), `checks` and `machine`.

    Args:
        size: how much feedback.
        device: `cpu`, or `gpu` for the comparison of the two.
        parameters: of the model, `PARAMETERS` where it is None.
        progress: told what is being measured.

    Raises:
        UsageError: a GPU was asked for, and there is none that implicit can use.
    """
    where = choose_device(device, asked_by="--device")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        settings = replace(Settings.from_env(), home=home)
        parts = _measure(settings, size, device, parameters or PARAMETERS, progress)
    steps = parts["train task"]["steps"]
    checks = _cpu_checks(parts, size.is_full) + (_gpu_checks(parts) if device == "gpu" else [])
    return {
        "device": where.reason if device == "gpu" else "cpu",
        "machine": {"cores": os.cpu_count(), "memory_gb": round(machine_megabytes() / 1024)},
        "pairs": {name: parts[name]["pairs"] for name in ("matrix", "larger matrix")},
        "parts": [{"part": name, **_costs(part)} for name, part in parts.items()],
        "steps": steps,
        "metrics": {name: part["metrics"] for name, part in parts.items() if "metrics" in part},
        "checks": [check.to_dict() for check in checks],
    }


def _measure(
    settings: Settings, size: TrainingSize, device: str, parameters: dict[str, Any], progress: Progress
) -> dict[str, dict[str, Any]]:
    feedback, test, matrix = (str(settings.home / name) for name in ("a.parquet", "test.parquet", "a.npz"))
    larger = str(settings.home / "larger.parquet")
    fitting: dict[str, Any] = {"parameters": parameters}
    found: dict[str, dict[str, Any]] = {}

    def part(name: str, task: str, **arguments: Any) -> None:
        progress(name)
        found[name] = run_task(settings, f"training_tasks.{task}", **arguments)

    progress("generating feedback")
    run_task(settings, "training_tasks.generate", size=asdict(size.feedback), feedback=feedback, test=test)
    part("matrix", "matrix", feedback=feedback, keep=matrix)
    part("bare fit", "bare_fit", matrix=matrix, device="cpu", **fitting)
    part("train task", "train_task", feedback=feedback, test=test, device="cpu", **fitting)
    if device == "gpu":
        part("bare fit, GPU", "bare_fit", matrix=matrix, device="gpu", **fitting)
        part("train task, GPU", "train_task", feedback=feedback, test=test, device="gpu", **fitting)
    progress("generating more feedback")
    run_task(settings, "training_tasks.generate", size=asdict(size.matrix), feedback=larger, test=None)
    part("larger matrix", "matrix", feedback=larger)
    return found


def _costs(part: dict[str, Any]) -> dict[str, Any]:
    return {
        "cpu_s": round(part["cpu_s"], 2),
        "wall_s": round(part["wall_s"], 2),
        "peak_mb": round(part["peak_mb"]),
    }


def _cpu_checks(parts: dict[str, dict[str, Any]], is_full: bool) -> list[Check]:
    task, bare, larger = parts["train task"], parts["bare fit"], parts["larger matrix"]
    bars = [
        Check("train task / bare fit: CPU seconds", ratio(task["cpu_s"], bare["cpu_s"]), _TASK_RATIO),
        Check("train task / bare fit: peak memory", ratio(task["peak_mb"], bare["peak_mb"]), _PEAK_RATIO),
        Check("larger matrix: CPU seconds", larger["cpu_s"], _MATRIX_CPU_S),
        Check("larger matrix: peak memory, MB", larger["peak_mb"], _MATRIX_PEAK_MB),
    ]
    return [replace(bar, is_too_small=not is_full) for bar in bars]


def _gpu_checks(parts: dict[str, dict[str, Any]]) -> list[Check]:
    cpu, gpu = parts["train task"], parts["train task, GPU"]
    apart = [
        Check(
            f"{metric}: GPU apart from CPU, as a share",
            ratio(abs(gpu["metrics"][metric] - cpu["metrics"][metric]), cpu["metrics"][metric]),
            AGREEMENT,
        )
        for metric in AGREEING
    ]
    faster = Check(
        "bare fit, CPU / GPU: wall seconds",
        ratio(parts["bare fit"]["wall_s"], parts["bare fit, GPU"]["wall_s"]),
        None,
    )
    return [*apart, faster]
