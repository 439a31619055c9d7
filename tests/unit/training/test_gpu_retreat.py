"""A GPU that gives out is left step by step, and the model that comes out is the one that was asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from revealed.errors import NoDataError
from revealed.training.als import ImplicitALS
from revealed.training.device import Device
from revealed.training.matrix import Interactions
from revealed.training.protocol import AfterSweep, Recommender
from revealed.training.retreat import fit_with_retreat, is_out_of_memory, needed_bytes, next_smaller
from tests.unit.training.test_als_truth import CPU, build, fitted, planted

GPU = Device("gpu", "found")
# What RMM, CUDA and cuBLAS say.
OUT_OF_MEMORY = (
    MemoryError("std::bad_alloc: out_of_memory: CUDA error (failed to allocate 81920000 bytes)"),
    RuntimeError("Cuda Error: out of memory (implicit/gpu/utils.h:77)"),
    RuntimeError("cublas error: CUBLAS_STATUS_ALLOC_FAILED"),
)
LOST = RuntimeError("Cuda Error: an illegal memory access was encountered (implicit/gpu/utils.h:77)")


class CardALS(ImplicitALS):
    """Real least squares, on a stand-in for a card that holds factors of `holds` bits and else says `error`."""

    def __init__(self, error: Exception, holds: int = 0, factors: int = 8) -> None:
        super().__init__(factors=factors, regularization=1.0)
        self.error, self.holds = error, holds
        self.tried: list[tuple[str, int]] = []

    def fit(
        self,
        data: Interactions,
        device: Device,
        *,
        start: Recommender | None = None,
        after_sweep: AfterSweep | None = None,
    ) -> None:
        self.tried.append((device.name, device.factor_bits))
        if device.name == "gpu" and device.factor_bits > self.holds:
            raise self.error
        super().fit(data, CPU)
        if device.factor_bits == 16:
            self.item_factors = self.item_factors.astype(np.float16).astype(np.float32)


@pytest.mark.parametrize("error", OUT_OF_MEMORY)
def test_out_of_memory_tries_16_bits_then_the_cpu(error: Exception) -> None:
    data, model, told = planted(), CardALS(error), []
    where = fit_with_retreat(model, data, GPU, progress=lambda message, done=0, total=0: told.append(message))
    assert model.tried == [("gpu", 32), ("gpu", 16), ("cpu", 32)]
    assert (where.name, where.factor_bits) == ("cpu", 32)
    assert str(error) in where.reason
    assert told == [
        f"the GPU with 32-bit factors gave out ({error}); the GPU with 16-bit factors instead",
        f"the GPU with 16-bit factors gave out ({error}); the CPU instead",
    ]
    assert (model.item_factors == fitted(data).item_factors).all()


def test_sixteen_bits_that_fit_are_kept_and_rank_as_32_do() -> None:
    data, model = planted(), CardALS(OUT_OF_MEMORY[0], holds=16)
    where = fit_with_retreat(model, data, GPU)
    assert (where.name, where.factor_bits) == ("gpu", 16)
    lists = [kind.recommend(data.confidence, data.seen, 5).items for kind in (model, fitted(data))]
    # Rounding to 11 bits of mantissa moves scores by parts in a thousand; neighbours may change places.
    common = np.mean([len(set(one) & set(other)) / 5 for one, other in zip(*lists, strict=True)])
    assert common > 0.97


def test_a_lost_device_goes_to_the_cpu_at_once() -> None:
    model = CardALS(LOST)
    where = fit_with_retreat(model, planted(), GPU)
    assert model.tried == [("gpu", 32), ("cpu", 32)]
    assert "illegal memory access" in where.reason


@pytest.mark.parametrize(
    ("error", "tried"), [(OUT_OF_MEMORY[1], [("gpu", 32), ("gpu", 16)]), (LOST, [("gpu", 32)])]
)
def test_a_gpu_asked_for_by_name_is_never_left_for_the_cpu(
    error: Exception, tried: list[tuple[str, int]]
) -> None:
    model = CardALS(error)
    with pytest.raises(RuntimeError, match="Cuda Error"):
        fit_with_retreat(model, planted(), replace(GPU, is_forced=True))
    assert model.tried == tried


def test_data_that_teach_nothing_are_no_device_s_fault() -> None:
    model = CardALS(NoDataError("nothing to learn"))
    with pytest.raises(NoDataError):
        fit_with_retreat(model, planted(), GPU)
    assert model.tried == [("gpu", 32)]


def test_what_cannot_fit_is_not_tried() -> None:
    # 3,000 users with one pair each: factors are everything. 16 bits draw 32 first, so that they do not fit either.
    data = build(list(range(3_000)), [n % 40 for n in range(3_000)], [5.0] * 3_000, 3_000, 40)
    needed = needed_bytes(3_000, 40, 3_000, 32)
    model = CardALS(LOST, factors=32)
    where = fit_with_retreat(model, data, replace(GPU, free_bytes=needed - 1))
    assert model.tried == [("cpu", 32)]
    assert "GB are needed" in where.reason
    enough = CardALS(LOST, holds=32, factors=32)
    assert fit_with_retreat(enough, data, replace(GPU, free_bytes=needed)).name == "gpu"


def test_needed_bytes_by_hand() -> None:
    # 10 users, 4 items, 3 factors, 20 pairs: factors 14 · 3 · 4; a matrix a side, 8 bytes a pair and 4 a row.
    context = needed_bytes(0, 0, 0, 3)
    assert needed_bytes(10, 4, 20, 3) - context == 168 + 2 * 20 * 8 + 14 * 4
    assert needed_bytes(10, 4, 20, 3, 16) - context == 84 + 2 * 20 * 8 + 14 * 4
    # With next to no pairs it is the drawing that counts: 10 · 3 · 4 beside 10 · 3 · 2.
    assert needed_bytes(10, 4, 0, 3, 16) - context == 180


def test_steps_end_at_the_cpu() -> None:
    assert next_smaller(CPU) is None
    assert not is_out_of_memory(LOST)
    assert all(is_out_of_memory(error) for error in OUT_OF_MEMORY)
