"""`simulate`: write a whole demo world as the raw logs of outside systems, with its truth beside."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from revealed.durable import write_json
from revealed.errors import UsageError
from revealed.exploration.rank_marginals import Ints
from revealed.progress import Progress, quiet
from revealed.settings import Settings
from revealed.simulation.config import WorldConfig
from revealed.simulation.delivery import COPY_KINDS, ORIGINAL, Deliveries, deliver, received_times
from revealed.simulation.files import WrittenFile, write_log
from revealed.simulation.lines import Record, event_records, inference_records
from revealed.simulation.malformed import malformed_counts, malformed_lines
from revealed.simulation.names import timestamps
from revealed.simulation.population import build_world
from revealed.simulation.registers import Dated, item_records, user_records
from revealed.simulation.traffic import run_days
from revealed.simulation.truth import write_truth

_LATE_REQUESTS = 0.3


@dataclass(frozen=True)
class SimulationReport:
    """What was written: `lines` are all lines of a log, `malformed` and `duplicate` ones among them."""

    landing: str
    truth: str
    files: int
    bytes: int
    lines: dict[str, int]
    malformed: dict[str, int]
    duplicate: dict[str, int]
    late: int
    users: int
    items: int
    requests: int
    impressions: int
    first_day: str
    last_day: str

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON types."""
        return asdict(self)


def simulate(
    target: Settings | Path, config: WorldConfig | None = None, progress: Progress = quiet
) -> SimulationReport:
    """Write the world that `config` describes (default: the demo's) and return what was written.

    Args:
        target: settings, or the landing folder itself. The truth goes to `simulation/truth` beside it.
        config: the world; the same config gives the same bytes.
        progress: told about the stages.

    Raises:
        UsageError: another world has been written there; two worlds in one landing folder would contradict
        each other.
    """
    landing = target.landing if isinstance(target, Settings) else target
    config = config or WorldConfig.demo()
    _claim(_description_file(landing), config)
    progress("building the population")
    traffic = run_days(build_world(config), progress)
    events = traffic.log.columns()
    rng = config.rng(11)
    received, is_late = received_times(events["at_ms"], config.late_rate, rng)
    asked = np.concatenate([slates.wave.at_ms for slates, _ in traffic.shown])
    logged, _ = received_times(asked, config.late_rate * _LATE_REQUESTS, rng)
    latency = np.round(rng.lognormal(3.0, 0.4, traffic.requests), 2).tolist()
    progress("writing the logs")
    logs = (
        _Log("events", event_records(traffic.world, events, received), received),
        _Log("inferences", inference_records(traffic, logged, latency), logged),
        _register("items", item_records(traffic.world)),
        _register("users", user_records(traffic.world)),
    )
    written = [_write(landing, log, config) for log in logs]
    counts = [row for part in written for row in part.counts]
    late = int((is_late & (received < config.end_ms)).sum())
    counts.append({"log": "events", "kind": "late", "lines": late})
    write_truth(truth_folder(landing), traffic, events, received, is_late, counts)
    impressions = sum(int(slates.shown.sum()) for slates, _ in traffic.shown)
    return _report(landing, config, written, late, traffic.requests, impressions)


def world_folder(landing: Path) -> Path:
    """Return where a world keeps what no log tells, beside the landing folder."""
    return landing.parent / "simulation"


def truth_folder(landing: Path) -> Path:
    """Return where a world's truth lies."""
    return world_folder(landing) / "truth"


def read_config(settings: Settings) -> WorldConfig:
    """Return the description of the world that was written into this home.

    Raises:
        FileNotFoundError: none was.
    """
    told = json.loads(_description_file(settings.landing).read_text())
    kinds = {name: type(value) for name, value in vars(WorldConfig()).items()}
    return WorldConfig(**{name: _value(kinds[name], text) for name, text in told.items()})


def _value(kind: type, text: str) -> Any:
    return date.fromisoformat(text) if kind is date else kind(text)


def _description_file(landing: Path) -> Path:
    return world_folder(landing) / "world.json"


@dataclass(frozen=True)
class _Log:
    name: str
    records: Sequence[Record]
    received_ms: Ints


@dataclass(frozen=True)
class _Written:
    log: str
    files: list[WrittenFile]
    counts: list[dict[str, Any]]
    malformed: int
    duplicate: int


def _register(name: str, dated: Dated) -> _Log:
    return _Log(name, [record for _, record in dated], np.array([at for at, _ in dated], dtype=np.int64))


def _claim(path: Path, config: WorldConfig) -> None:
    description = {name: str(value) for name, value in asdict(config).items()}
    if path.exists() and json.loads(path.read_text()) != description:
        raise UsageError(
            "another simulated world has been written here",
            where=str(path),
            remedy="use an empty REVEALED_HOME, or the same options as before",
        )
    write_json(path, description)


def _write(landing: Path, log: _Log, config: WorldConfig) -> _Written:
    deliveries: Deliveries = deliver(log.received_ms, config, config.rng(30 + len(log.name)))
    bad = malformed_counts(log.name, len(deliveries.row), config)
    lines = malformed_lines(log.name, bad, lambda n: _spread(config, n))
    files = write_log(landing, log.name, log.records, deliveries, lines, config)
    copies = {kind: deliveries.count(n) for n, kind in enumerate(COPY_KINDS)}
    rows = [{"log": log.name, "kind": kind, "lines": lines} for kind, lines in {**copies, **bad}.items()]
    duplicate = len(deliveries.row) - deliveries.count(ORIGINAL)
    return _Written(log.name, files, rows, len(lines), duplicate)


def _spread(config: WorldConfig, n: int) -> str:
    """Return some moment within the world, as text."""
    at = config.start_ms + (n * 7_919_000) % (config.end_ms - config.start_ms)
    return timestamps(np.array([at]))[0]


def _report(
    landing: Path, config: WorldConfig, written: list[_Written], late: int, requests: int, impressions: int
) -> SimulationReport:
    files = [file for part in written for file in part.files]
    return SimulationReport(
        landing=str(landing),
        truth=str(truth_folder(landing)),
        files=len(files),
        bytes=sum(file.bytes for file in files),
        lines={part.log: sum(file.lines for file in part.files) for part in written},
        malformed={part.log: part.malformed for part in written},
        duplicate={part.log: part.duplicate for part in written},
        late=late,
        users=config.users,
        items=config.items,
        requests=requests,
        impressions=impressions,
        first_day=config.day(0).isoformat(),
        last_day=config.day(config.days - 1).isoformat(),
    )
