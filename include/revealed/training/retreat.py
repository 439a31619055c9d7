"""What to do when the GPU gives out: smaller on the GPU, then the CPU, and say so.

implicit's GPU solver holds both orientations of the matrix and all factors at once, so that there are no batches to make
smaller, and fewer factors would be another model. What can shrink without changing what is asked for is the precision in
which the factors are *stored*: 16 bits take half their memory, while the solver goes on adding up in 32 (its `YtY` and its
products are float32). So the steps are: GPU with 32-bit factors, GPU with 16-bit factors, CPU.
"""

from __future__ import annotations

import gc
from dataclasses import replace

from revealed.progress import Progress, quiet
from revealed.training.device import LEAST_FREE_BYTES, Device
from revealed.training.matrix import Interactions
from revealed.training.protocol import AfterSweep, Recommender

_GAVE_OUT = (RuntimeError, MemoryError, OSError, ValueError)
_OUT_OF_MEMORY = ("out of memory", "out_of_memory", "bad_alloc", "memory allocation", "alloc_failed")
# A CSR entry is a float32 and an int32, and there is one matrix a side; a row begins with an int32.
_BYTES_A_PAIR = 2 * (4 + 4)
_BYTES_A_ROW = 4
# Sweeps over fewer pairs take a second at most.
_MUCH = 500_000
_LINES = 8
_CONTEXT_BYTES = LEAST_FREE_BYTES // 2


def fit_with_retreat(
    model: Recommender,
    data: Interactions,
    device: Device,
    *,
    start: Recommender | None = None,
    progress: Progress = quiet,
) -> Device:
    """Fit on `device`, or on the next smaller one when it gives out; return where it ran, and why.

    Args:
        model: what is fitted.
        data: what it learns from.
        device: the first to be tried.
        start: an earlier model to begin from.
        progress: told of every retreat, and of every sweep over much data.

    A step that cannot fit into the card's free memory is not tried. A GPU that was asked for by name is not left for
    the CPU; 16-bit factors are on it, too.

    Raises:
        NoDataError: there was nothing to learn.
        RuntimeError, MemoryError, OSError, ValueError: of the last step, where none is left.
    """
    while True:
        smaller = next_smaller(device)
        trouble = None if smaller is None else _too_large(model, data, device)
        if trouble is None:
            try:
                model.fit(data, device, start=start, after_sweep=_told(model, data, progress))
            except _GAVE_OUT as error:
                smaller = next_smaller(device, error)
                if smaller is None:
                    raise
                trouble = str(error) or type(error).__name__
            else:
                return device
        # What the failed attempt holds on the card is freed only with its objects.
        gc.collect()
        assert smaller is not None
        device = replace(smaller, reason=f"{_named(device)} gave out ({trouble}); {_named(smaller)} instead")
        progress(device.reason)


def next_smaller(device: Device, error: Exception | None = None) -> Device | None:
    """Return the next step down, None where there is none.

    Args:
        device: what gave out.
        error: how; anything but a lack of memory will not go away with smaller factors. None: for lack of memory.
    """
    if device.name != "gpu":
        return None
    if device.factor_bits > 16 and (error is None or is_out_of_memory(error)):
        return replace(device, factor_bits=16)
    return None if device.is_forced else Device("cpu", device.reason)


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error of implicit's GPU part says that the card's memory does not suffice."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(word in text for word in _OUT_OF_MEMORY)


def needed_bytes(users: int, items: int, pairs: int, factors: int, factor_bits: int = 32) -> int:
    """Return the most that a fit holds on the card at once: the matrix from both sides, and the factors of both.

    Factors of 16 bits are drawn in 32 first, one side after the other and before the matrix is there: where the matrix is
    small beside the factors, 16 bits save nothing.
    """
    stored = (users + items) * factors * factor_bits // 8
    drawn = 0 if factor_bits == 32 else 4 * factors * max(users, items) + 2 * factors * users
    matrices = pairs * _BYTES_A_PAIR + (users + items) * _BYTES_A_ROW
    return max(stored + matrices, drawn) + _CONTEXT_BYTES


def _told(model: Recommender, data: Interactions, progress: Progress) -> AfterSweep | None:
    """Return who tells of sweeps; nobody where a sweep takes no time."""
    if data.confidence.nnz < _MUCH:
        return None
    step = max(int(model.parameters.get("iterations", 1)) // _LINES, 1)

    def tell(sweep: int, loss: float | None) -> None:
        if sweep % step:
            return
        known = "" if loss is None else f", loss {loss:.4g}"
        progress(f"fitting {model.name}{known}: sweep {sweep}")

    return tell


def _too_large(model: Recommender, data: Interactions, device: Device) -> str | None:
    """Return in words that the data cannot fit, None where they might or nothing is known."""
    factors = model.parameters.get("factors")
    if device.name != "gpu" or device.free_bytes is None or factors is None:
        return None
    pairs = int(data.confidence.nnz)
    needed = needed_bytes(len(data.users), len(data.items), pairs, factors, device.factor_bits)
    if needed <= device.free_bytes:
        return None
    return f"{needed / 1e9:.1f} GB are needed, and {device.free_bytes / 1e9:.1f} GB are free"


def _named(device: Device) -> str:
    return "the CPU" if device.name == "cpu" else f"the GPU with {device.factor_bits}-bit factors"
