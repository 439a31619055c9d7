"""What the gateway counts, as Prometheus reads it; no ids, nothing personal."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
Labels = tuple[tuple[str, str], ...]


class Histogram:
    """Counts of observations by upper bound, and their sum."""

    def __init__(self, bounds: Sequence[float] = _SECONDS) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one observation."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def lines(self, name: str, labels: Labels) -> Iterator[str]:
        """Yield it in Prometheus' text format."""
        total = 0
        for bound, count in zip((*map(str, self._bounds), "+Inf"), self._counts, strict=True):
            total += count
            yield f"{name}_bucket{_text((*labels, ('le', bound)))} {total}"
        yield f"{name}_sum{_text(labels)} {self._sum:.6f}"
        yield f"{name}_count{_text(labels)} {total}"


class Metrics:
    """Counters, gauges and histograms by name and labels."""

    def __init__(self) -> None:
        self._help: dict[str, tuple[str, str]] = {}
        self._values: dict[str, Counter[Labels]] = {}
        self._gauges: dict[str, float] = {}
        self._histograms: dict[str, dict[Labels, Histogram]] = {}

    def describe(self, name: str, kind: str, meaning: str) -> None:
        """Say what a metric is (`counter`, `gauge` or `histogram`) before it is used."""
        self._help[name] = (kind, meaning)
        self._values.setdefault(name, Counter())

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Add to a counter."""
        self._values[name][tuple(sorted(labels.items()))] += amount

    def set(self, name: str, value: float) -> None:
        """Set a gauge."""
        self._gauges[name] = value

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Add an observation to a histogram."""
        key = tuple(sorted(labels.items()))
        self._histograms.setdefault(name, {}).setdefault(key, Histogram()).observe(value)

    def text(self) -> str:
        """Return everything in Prometheus' text format 0.0.4."""
        return "\n".join(line for name in sorted(self._help) for line in self._lines(name)) + "\n"

    def _lines(self, name: str) -> Iterator[str]:
        kind, meaning = self._help[name]
        yield f"# HELP {name} {meaning}"
        yield f"# TYPE {name} {kind}"
        if name in self._gauges:
            yield f"{name} {self._gauges[name]:g}"
        for labels, value in sorted(self._values[name].items()):
            yield f"{name}{_text(labels)} {value}"
        for labels, histogram in sorted(self._histograms.get(name, {}).items()):
            yield from histogram.lines(name, labels)


def gateway_metrics() -> Metrics:
    """Return the gateway's metrics, all described."""
    metrics = Metrics()
    for name, kind, meaning in (
        ("revealed_gateway_requests_total", "counter", "Answers by call and status."),
        ("revealed_gateway_lines_total", "counter", "Lines by log and verdict."),
        ("revealed_gateway_rejected_lines_total", "counter", "Rejected lines by log and reason."),
        ("revealed_gateway_request_seconds", "histogram", "Time from a call's headers to its answer."),
        ("revealed_gateway_free_bytes", "gauge", "Free disk where the journal is."),
        ("revealed_gateway_journal_commits_total", "counter", "Group commits by log and outcome."),
        ("revealed_gateway_journal_bytes_total", "counter", "Bytes made durable by log."),
    ):
        metrics.describe(name, kind, meaning)
    return metrics


def _text(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
