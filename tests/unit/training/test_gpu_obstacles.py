"""A GPU that cannot be used is told from one that can, and the reason is the true one.

The CUDA libraries and the driver are stand-ins compiled here: real shared objects through the real linker.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from revealed.errors import UsageError
from revealed.training.cuda_driver import Card, find_card
from revealed.training.cuda_libraries import LIBRARIES, Library, load_cuda_libraries
from revealed.training.device import Device, choose_device

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")

CARD = Card("Stand-in 1", 8 << 30, 16 << 30)
FIRST = Library("libspeed_first.so.1", "nvidia/cu13/lib", "first-wheel")
SECOND = Library("libspeed_second.so", "second/lib64", "second-wheel")


def compiled(path: Path, source: str, *flags: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    code = path.with_suffix(".c")
    code.write_text(source)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", path, code, *flags], check=True)
    return path


def two_wheels(site: Path) -> None:
    """The second needs the first by name, and cannot find it by itself: as librmm needs librapids_logger."""
    first = compiled(
        site / FIRST.folder / FIRST.name, "int first() { return 1; }", f"-Wl,-soname,{FIRST.name}"
    )
    compiled(
        site / SECOND.folder / SECOND.name,
        "int first(); int second() { return 1 + first(); }",
        str(first),
        f"-Wl,-soname,{SECOND.name}",
    )


def loaded(site: Path, libraries: str) -> str:
    """In a process of its own: what is loaded stays loaded."""
    code = (
        "from pathlib import Path; from revealed.training.cuda_libraries import *; import ctypes, sys;"
        f"F = Library{tuple(vars(FIRST).values())}; S = Library{tuple(vars(SECOND).values())};"
        f"print(load_cuda_libraries([Path('/nowhere'), Path({str(site)!r})], {libraries}),"
        f" ctypes.CDLL(None).second() if {libraries!r} == '[F, S]' else '')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@needs_compiler
def test_libraries_are_loaded_from_their_wheels_in_order_with_their_symbols_open(tmp_path: Path) -> None:
    two_wheels(tmp_path)
    assert loaded(tmp_path, "[F, S]") == "None 2"
    # The other way round the linker does not find what the second needs.
    assert "libspeed_second.so does not load (libspeed_first.so.1" in loaded(tmp_path, "[S, F]")


def test_the_first_missing_library_is_named_with_its_package(tmp_path: Path) -> None:
    obstacle = load_cuda_libraries([tmp_path], [SECOND, FIRST])
    assert obstacle == "libspeed_second.so of second-wheel is not installed (`make setup-gpu`)"


def test_what_others_need_comes_first() -> None:
    order = [library.name.split(".so")[0] for library in LIBRARIES]
    assert order == ["libcudart", "libcublasLt", "libcublas", "libcurand", "librapids_logger", "librmm"]


DRIVER = """
#include <string.h>
int cuInit(unsigned flags) { return INIT; }
int cuDeviceGetCount(int *count) { *count = COUNT; return 0; }
int cuDeviceGet(int *device, int number) { *device = 5; return 0; }
int cuDeviceGetName(char *name, int length, int device) { strncpy(name, "Stand-in 1", length); return device != 5; }
int cuDevicePrimaryCtxRetain(void **context, int device) { *context = (void *)0x7fff12345678; return device != 5; }
int cuCtxPushCurrent_v2(void *context) { return context != (void *)0x7fff12345678; }
int cuCtxPopCurrent_v2(void **context) { return 0; }
int cuMemGetInfo_v2(unsigned long *free, unsigned long *total) { *free = 8UL << 30; *total = 16UL << 30; return MEMORY; }
int cuDevicePrimaryCtxRelease_v2(int device) { return 0; }
"""


@needs_compiler
@pytest.mark.parametrize(
    ("init", "count", "memory", "expected"),
    [
        (0, 1, 0, CARD),
        (100, 1, 0, "the NVIDIA driver finds no card"),
        (0, 0, 0, "the NVIDIA driver finds no card"),
        (803, 1, 0, "the NVIDIA driver does not start (CUDA error 803)"),
        (0, 1, 2, "the card does not tell its memory (CUDA error 2)"),
    ],
)
def test_the_driver_is_asked(tmp_path: Path, init: int, count: int, memory: int, expected: Any) -> None:
    flags = (f"-DINIT={init}", f"-DCOUNT={count}", f"-DMEMORY={memory}")
    driver = compiled(tmp_path / "libcuda.so.1", DRIVER, *flags)
    asked = []

    def load(name: str) -> ctypes.CDLL:
        asked.append(name)
        return ctypes.CDLL(str(driver))

    assert find_card(load) == expected
    assert asked == ["libcuda.so.1"]


def test_without_a_driver_there_is_none_to_ask() -> None:
    def load(name: str) -> Any:
        raise OSError(f"{name}: cannot open shared object file")

    assert find_card(load) == "there is no NVIDIA driver (libcuda.so.1)"


@pytest.mark.parametrize(
    ("missing", "card", "reason"),
    [
        (
            "libcudart.so.13 of nvidia-cuda-runtime is not installed",
            CARD,
            "libcudart.so.13 of .* is not installed",
        ),
        (None, "there is no NVIDIA driver", "there is no NVIDIA driver"),
        (
            "librmm.so is not installed",
            "there is no NVIDIA driver",
            "librmm.so is not installed; there is no NVIDIA driver",
        ),
        (None, Card("Stand-in 1", 300 << 20, 16 << 30), r"too little .* \(Stand-in 1, 0.3 of 17.2 GB free\)"),
    ],
)
def test_the_cpu_s_reason_is_what_the_gpu_lacks(missing: str | None, card: Card | str, reason: str) -> None:
    found = choose_device("auto", libraries=lambda: missing, card=lambda: card)
    assert (found.name, found.is_forced) == ("cpu", False)
    with pytest.raises(UsageError, match=f"there is no GPU to train on: {reason}"):
        choose_device("gpu", libraries=lambda: missing, card=lambda: card)
    asked = choose_device("cpu", libraries=lambda: missing, card=lambda: card)
    assert asked == Device("cpu", "asked for by REVEALED_DEVICE", is_forced=True)
