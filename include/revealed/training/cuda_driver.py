"""What the NVIDIA driver says: is there a driver, a card, and how much of its memory is free."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_DRIVER = "libcuda.so.1"
_NAME_LENGTH = 256
_NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE


@dataclass(frozen=True)
class Card:
    """The first card that this process may use; memory in bytes."""

    name: str
    free_bytes: int
    total_bytes: int

    def describe(self) -> str:
        """Return name and memory in words."""
        return f"{self.name}, {self.free_bytes / 1e9:.1f} of {self.total_bytes / 1e9:.1f} GB free"


def find_card(load: Callable[[str], Any] = ctypes.CDLL) -> Card | str:
    """Return the first card, or why there is none.

    Asking for free memory makes a CUDA context in this process, as training does: a process that is forked off
    afterwards cannot use the card.

    Args:
        load: gives the driver's library by its name, or raises OSError.
    """
    try:
        driver = load(_DRIVER)
    except OSError:
        return f"there is no NVIDIA driver ({_DRIVER})"
    status = driver.cuInit(0)
    if status == _NO_DEVICE:
        return "the NVIDIA driver finds no card"
    if status:
        return f"the NVIDIA driver does not start (CUDA error {status})"
    count = ctypes.c_int(0)
    if driver.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
        return "the NVIDIA driver finds no card"
    return _first_card(driver)


def _first_card(driver: Any) -> Card | str:
    device, context = ctypes.c_int(0), ctypes.c_void_p()
    name = ctypes.create_string_buffer(_NAME_LENGTH)
    free, total = ctypes.c_size_t(0), ctypes.c_size_t(0)
    status = driver.cuDeviceGet(ctypes.byref(device), 0)
    status = status or driver.cuDeviceGetName(name, _NAME_LENGTH, device)
    status = status or driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), device)
    if status:
        return f"the card cannot be opened (CUDA error {status})"
    try:
        status = driver.cuCtxPushCurrent_v2(context) or driver.cuMemGetInfo_v2(
            ctypes.byref(free), ctypes.byref(total)
        )
        driver.cuCtxPopCurrent_v2(ctypes.byref(context))
    finally:
        driver.cuDevicePrimaryCtxRelease_v2(device)
    if status:
        return f"the card does not tell its memory (CUDA error {status})"
    return Card(name.value.decode(errors="replace"), free.value, total.value)
