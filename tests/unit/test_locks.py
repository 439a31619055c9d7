"""The hashed locks agree with each other, and name no index."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted(ROOT.glob("requirements*.lock"))


def pins(lock: Path) -> dict[str, str]:
    """Return each pin with its marker, and the lines that belong to it."""
    return dict(
        re.findall(r"^([a-zA-Z0-9][^\\\n]*==[^\\\n]*?) *\\\n((?:    .*\n?)+)", lock.read_text(), re.MULTILINE)
    )


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_pin_is_hashed_and_no_address_is_named(lock: Path) -> None:
    text = lock.read_text()
    found = pins(lock)
    assert len(found) == sum(not line.startswith((" ", "#")) for line in text.splitlines())
    assert all("--hash=sha256:" in hashes for hashes in found.values())
    assert "://" not in text


def test_the_gpu_lock_is_the_runtime_and_the_cuda_libraries() -> None:
    runtime, gpu = (set(pins(ROOT / name)) for name in ("requirements.lock", "requirements-gpu.lock"))
    added = {pin.split("==")[0]: pin for pin in gpu - runtime}
    wanted = {
        "librmm-cu13",
        "rmm-cu13",
        "rapids-logger",
        "nvidia-cublas",
        "nvidia-curand",
        "nvidia-cuda-runtime",
    }
    assert wanted <= set(added)
    assert all("sys_platform == 'linux'" in pin for pin in added.values())
    # Those that it shares with the runtime have the runtime's versions, or installing one would undo the other.
    assert set(added).isdisjoint({pin.split("==")[0] for pin in runtime})


def test_rmm_is_of_the_series_that_implicit_is_linked_to() -> None:
    # With 26.10 implicit's _cuda lacks a symbol, and the GPU is silently not used.
    text = (ROOT / "requirements-gpu.lock").read_text()
    assert re.findall(r"^(?:lib)?rmm-cu13==(\d+\.\d+)\.", text, re.MULTILINE) == ["26.2", "26.2"]
