"""Where the training runs: on the GPU when there is one that implicit can use, else on the CPU, and why."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

from revealed.errors import UsageError
from revealed.settings import Settings


@dataclass(frozen=True)
class Device:
    """`cpu` or `gpu`, and the reason in words, which every run records."""

    name: str
    reason: str
    is_forced: bool = False


def detect_device(settings: Settings) -> Device:
    """Return where a training under these settings would run, and why.

    Raises:
        UsageError: a GPU was asked for by name, and there is none that implicit can use.
    """
    return choose_device(settings.device)


def choose_device(wanted: str) -> Device:
    """Return the device for `wanted`: `auto`, `cpu` or `gpu`.

    Raises:
        UsageError: a GPU was asked for by name, and there is none that implicit can use.
    """
    if wanted == "cpu":
        return Device("cpu", "asked for by REVEALED_DEVICE", is_forced=True)
    obstacle = _gpu_obstacle()
    if obstacle is None:
        reason = "asked for by REVEALED_DEVICE" if wanted == "gpu" else "implicit found a CUDA device"
        return Device("gpu", reason, is_forced=wanted == "gpu")
    if wanted == "gpu":
        raise UsageError(
            f"there is no GPU to train on: {obstacle}",
            where="REVEALED_DEVICE",
            remedy="set it to auto or cpu",
        )
    return Device("cpu", obstacle)


def _gpu_obstacle() -> str | None:
    """Return why the GPU cannot be used; None when it can."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            import implicit.gpu
        except (ImportError, RuntimeError, OSError) as error:
            return f"implicit's GPU part does not load ({error})"
    if implicit.gpu.HAS_CUDA:
        return None
    if not implicit.gpu.HAS_RMM:
        return "RMM, which implicit's GPU part needs, is not installed"
    told = str(caught[-1].message) if caught else "no CUDA device"
    return f"implicit disabled its GPU part ({told})"
