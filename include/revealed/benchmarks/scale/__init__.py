"""The feedback build on millions of generated lines, in CPU seconds and peak memory: `revealed bench feedback`."""

from revealed.benchmarks.scale.run import bench_feedback
from revealed.benchmarks.scale.sizes import SIZES, BenchSize

__all__ = ["SIZES", "BenchSize", "bench_feedback"]
