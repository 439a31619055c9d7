"""Where the training runs: on the GPU when there is one that implicit can use, else on the CPU, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from revealed.errors import UsageError
from revealed.settings import Settings
from revealed.training.cuda_driver import Card, find_card
from revealed.training.cuda_libraries import import_gpu_part, load_cuda_libraries

# The CUDA context and the libraries' own buffers come to half of this.
LEAST_FREE_BYTES = 1 << 30


@dataclass(frozen=True)
class Device:
    """`cpu` or `gpu`, and the reason in words, which every run records.

    Attributes:
        name: `cpu` or `gpu`.
        reason: why, for people.
        is_forced: asked for by name, so that nothing else will do.
        factor_bits: 32, or 16 for factors of half the memory on a GPU (`revealed.training.retreat`).
        free_bytes: memory that was free on the card when it was found; None where that is not known.
    """

    name: str
    reason: str
    is_forced: bool = False
    factor_bits: int = 32
    free_bytes: int | None = None


def detect_device(settings: Settings) -> Device:
    """Return where a training under these settings would run, and why.

    Raises:
        UsageError: a GPU was asked for by name, and there is none that implicit can use.
    """
    return choose_device(settings.device)


def choose_device(
    wanted: str,
    *,
    asked_by: str = "REVEALED_DEVICE",
    libraries: Callable[[], str | None] = load_cuda_libraries,
    card: Callable[[], Card | str] = find_card,
) -> Device:
    """Return the device for `wanted`: `auto`, `cpu` or `gpu`.

    What is in the way is looked for in this order: libraries, driver, card, its memory, implicit itself; a missing library
    does not keep a missing driver from being named, for to install libraries would then help nobody.

    Args:
        wanted: what the setting says.
        asked_by: the setting or option, as a person knows it.
        libraries: loads the CUDA libraries, or says what is missing.
        card: finds the card, or says why there is none.

    Raises:
        UsageError: a GPU was asked for by name, and there is none that implicit can use.
    """
    if wanted == "cpu":
        return Device("cpu", f"asked for by {asked_by}", is_forced=True)
    found = _usable_card(libraries(), card())
    if isinstance(found, Card):
        asked = f"asked for by {asked_by}" if wanted == "gpu" else "implicit found a CUDA device"
        reason = f"{asked}: {found.describe()}"
        return Device("gpu", reason, is_forced=wanted == "gpu", free_bytes=found.free_bytes)
    if wanted == "gpu":
        raise UsageError(
            f"there is no GPU to train on: {found}",
            where=asked_by,
            remedy="set it to cpu, or see to what is missing",
        )
    return Device("cpu", found)


def _usable_card(missing: str | None, found: Card | str) -> Card | str:
    """Return the card where everything is there, else all that is not, in words."""
    obstacles = [missing] if missing else []
    if isinstance(found, str):
        obstacles.append(found)
    elif found.free_bytes < LEAST_FREE_BYTES:
        obstacles.append(f"too little of the card's memory is free ({found.describe()})")
    if not obstacles:
        _, disabled = import_gpu_part()
        obstacles = [disabled] if disabled else []
    return found if isinstance(found, Card) and not obstacles else "; ".join(obstacles)
