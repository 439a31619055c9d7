"""The CUDA libraries that implicit's GPU part is linked to, found in their wheels and loaded before implicit is imported.

The dynamic linker does not look into `site-packages`. A library that is loaded already, with its symbols open to all,
is found by its name, though: so each is loaded by its path first, those that others need before these (als.md).
"""

from __future__ import annotations

import ctypes
import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Library:
    """A shared library, the folder below `site-packages` that it is in, and the package that brings it."""

    name: str
    folder: str
    package: str


LIBRARIES = (
    Library("libcudart.so.13", "nvidia/cu13/lib", "nvidia-cuda-runtime"),
    Library("libcublasLt.so.13", "nvidia/cu13/lib", "nvidia-cublas"),
    Library("libcublas.so.13", "nvidia/cu13/lib", "nvidia-cublas"),
    Library("libcurand.so.10", "nvidia/cu13/lib", "nvidia-curand"),
    Library("librapids_logger.so", "rapids_logger/lib64", "rapids-logger"),
    Library("librmm.so", "librmm/lib64", "librmm-cu13"),
)
REMEDY = "`make setup-gpu`"


def load_cuda_libraries(
    folders: Sequence[Path] | None = None, libraries: Sequence[Library] = LIBRARIES
) -> str | None:
    """Load the libraries in their order; return None, or the first obstacle in words.

    Loading one twice does nothing. Where a wheel is missing the system's own library will do, if there is one.

    Args:
        folders: where to look for the wheels' folders; Python's import path where it is None.
        libraries: what to load.
    """
    places = [Path(entry) for entry in sys.path if entry] if folders is None else folders
    for library in libraries:
        obstacle = _load(library, places)
        if obstacle:
            return obstacle
    return None


def import_gpu_part() -> tuple[Any, str | None]:
    """Return the module `implicit.gpu`, and why its CUDA part is not in use (None where it is).

    implicit looks for CUDA once, when it is imported; where that was before the libraries were loaded, it looks again.

    Raises:
        ImportError: implicit is not installed.
    """
    import warnings

    obstacle = load_cuda_libraries()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        was_imported = "implicit.gpu" in sys.modules
        module = importlib.import_module("implicit.gpu")
        if was_imported and not module.HAS_CUDA and obstacle is None:
            module = importlib.reload(module)
    if module.HAS_CUDA:
        return module, None
    if obstacle is None and not module.HAS_RMM:
        obstacle = f"rmm-cu13 is not installed ({REMEDY})"
    told = str(caught[-1].message) if caught else "no CUDA device"
    return module, obstacle or f"implicit disabled its GPU part ({told})"


def _load(library: Library, places: Sequence[Path]) -> str | None:
    found = next(
        (path for place in places if (path := place / library.folder / library.name).is_file()), None
    )
    try:
        ctypes.CDLL(str(found or library.name), mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        if found is None:
            return f"{library.name} of {library.package} is not installed ({REMEDY})"
        return f"{library.name} does not load ({error})"
    return None
