"""The one settings object, and the only reader of the environment.

Every variable begins with `REVEALED_`; `docs/settings.md` lists them. All state lives under `REVEALED_HOME`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from revealed.errors import UsageError

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


def _project_root() -> Path:
    """The checkout that this package is installed from, else the working folder."""
    checkout = Path(__file__).resolve().parents[2]
    return checkout if (checkout / "dbt_project").is_dir() else Path.cwd()


@dataclass(frozen=True)
class Settings:
    """Where things are and how the loop behaves. Build it with `Settings.from_env()`."""

    home: Path
    project_root: Path
    auto_approve: bool = False
    device: str = "auto"
    duckdb_memory_limit: str = "4GB"
    duckdb_threads: int = 2
    landing_grace_seconds: float = 5.0
    holdout_days: int = 7
    retrain_every_days: int = 7
    refit_every_days: int = 7
    tuning_trials: int = 0
    training_queue: str = "default"
    contenders: tuple[str, ...] = ()
    recommendations_per_user: int = 100
    keep_generations: int = 5
    keep_datasets: int = 30
    negatives_strategy: str = "uniform"
    negatives_per_positive: int = 4
    negatives_seed: int = 0
    airflow_port: int = 8080
    mlflow_port: int = 5000
    mlflow_url: str = ""
    gateway_host: str = "127.0.0.1"
    gateway_port: int = 8300
    gateway_segment_megabytes: int = 64
    gateway_segment_seconds: float = 60.0
    gateway_free_megabytes: int = 1024
    gateway_lines_per_second: int = 50_000

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Return the settings that the environment describes.

        Raises:
            UsageError: a variable does not parse; the message names it.
        """
        source = os.environ if env is None else env
        root = Path(source.get("REVEALED_PROJECT") or _project_root())
        home = Path(source.get("REVEALED_HOME") or root / ".revealed").expanduser().resolve()
        return cls(
            home=home,
            project_root=root,
            auto_approve=_flag(source, "REVEALED_AUTO_APPROVE", default=False),
            device=_choice(source, "REVEALED_DEVICE", ("auto", "cpu", "gpu")),
            duckdb_memory_limit=source.get("REVEALED_DUCKDB_MEMORY_LIMIT", cls.duckdb_memory_limit),
            duckdb_threads=_whole(source, "REVEALED_DUCKDB_THREADS", cls.duckdb_threads, least=1),
            landing_grace_seconds=_number(
                source, "REVEALED_LANDING_GRACE_SECONDS", cls.landing_grace_seconds
            ),
            holdout_days=_whole(source, "REVEALED_HOLDOUT_DAYS", cls.holdout_days, least=1),
            retrain_every_days=_whole(source, "REVEALED_RETRAIN_EVERY_DAYS", cls.retrain_every_days, least=1),
            refit_every_days=_whole(source, "REVEALED_REFIT_EVERY_DAYS", cls.refit_every_days, least=1),
            tuning_trials=_whole(source, "REVEALED_TUNING_TRIALS", cls.tuning_trials, least=0),
            contenders=_words(source, "REVEALED_CONTENDERS"),
            training_queue=source.get("REVEALED_TRAINING_QUEUE") or cls.training_queue,
            recommendations_per_user=_whole(
                source, "REVEALED_RECOMMENDATIONS_PER_USER", cls.recommendations_per_user, least=1
            ),
            keep_generations=_whole(source, "REVEALED_KEEP_GENERATIONS", cls.keep_generations, least=2),
            keep_datasets=_whole(source, "REVEALED_KEEP_DATASETS", cls.keep_datasets, least=1),
            negatives_strategy=_choice(source, "REVEALED_NEGATIVES_STRATEGY", ("uniform", "popularity")),
            negatives_per_positive=_whole(
                source, "REVEALED_NEGATIVES_PER_POSITIVE", cls.negatives_per_positive, least=0
            ),
            negatives_seed=_whole(source, "REVEALED_NEGATIVES_SEED", cls.negatives_seed, least=0),
            airflow_port=_whole(source, "REVEALED_AIRFLOW_PORT", cls.airflow_port, least=1),
            mlflow_port=_whole(source, "REVEALED_MLFLOW_PORT", cls.mlflow_port, least=1),
            mlflow_url=source.get("REVEALED_MLFLOW_URL", cls.mlflow_url),
            **_of_gateway(source),
        )

    @property
    def landing(self) -> Path:
        """Where outside systems drop files: one folder a log (`events/`, `inferences/`, `items/`, `users/`)."""
        return self.home / "landing"

    @property
    def raw(self) -> Path:
        """Typed Parquet by event day, and the ledger: the source of truth."""
        return self.home / "raw"

    @property
    def ledger(self) -> Path:
        """One JSON file for each landed source file; its appearance commits that file's rows."""
        return self.raw / "ledger"

    @property
    def quarantine(self) -> Path:
        """Rejected lines with their reasons, as Parquet."""
        return self.raw / "quarantine"

    @property
    def candidates(self) -> Path:
        """Warehouses being built; nobody but the build reads them."""
        return self.home / "warehouse" / "candidates"

    @property
    def published(self) -> Path:
        """What people and services read."""
        return self.home / "published"

    @property
    def published_warehouse(self) -> Path:
        """The pointer (a symbolic link) to the warehouse in service."""
        return self.published / "warehouse.duckdb"

    @property
    def published_recommendations(self) -> Path:
        """Snapshots by generation, and the `CURRENT` pointer."""
        return self.published / "recommendations"

    @property
    def published_snapshot_database(self) -> Path:
        """A symbolic link to the DuckDB file of the snapshot in service, for analysts."""
        return self.published / "recommendations.duckdb"

    @property
    def datasets(self) -> Path:
        """Feedback datasets, one immutable folder a version."""
        return self.home / "datasets"

    @property
    def models(self) -> Path:
        """Trained models before registration, one folder a model."""
        return self.home / "models"

    @property
    def data_docs(self) -> Path:
        """Great Expectations' Data Docs (HTML)."""
        return self.home / "data_docs"

    @property
    def decisions(self) -> Path:
        """Who promoted, rejected or rolled back which model, one file a decision."""
        return self.home / "decisions"

    @property
    def tuning(self) -> Path:
        """Searches for parameters on anybody's split, one file a training file."""
        return self.home / "tuning"

    @property
    def gateway(self) -> Path:
        """The gateway's own state: tokens (hashed), and segments that are still being written."""
        return self.home / "gateway"

    @property
    def rules(self) -> Path:
        """What may be shown where, and how serving explores: filters, caps, pins, policies, as one TOML file."""
        return self.home / "rules.toml"

    @property
    def erasure(self) -> Path:
        """Who was erased (keyed hashes only), the key, and the receipts."""
        return self.home / "erasure"

    @property
    def locks(self) -> Path:
        """Lock files."""
        return self.home / "locks"

    @property
    def mlflow(self) -> Path:
        """MLflow's SQLite file and artifacts."""
        return self.home / "mlflow"

    @property
    def mlflow_tracking_uri(self) -> str:
        """Where MLflow keeps runs and the model registry."""
        return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{self.mlflow / 'mlflow.db'}"

    @property
    def airflow_home(self) -> Path:
        """Airflow's home for the embedded platform."""
        return self.home / "airflow"

    @property
    def dbt_project(self) -> Path:
        """The dbt project's folder."""
        return self.project_root / "dbt_project"


def _of_gateway(source: Mapping[str, str]) -> dict[str, Any]:
    """Return the gateway's settings by field."""
    own = Settings
    return {
        "gateway_host": source.get("REVEALED_GATEWAY_HOST", own.gateway_host),
        "gateway_port": _whole(source, "REVEALED_GATEWAY_PORT", own.gateway_port, least=1),
        "gateway_segment_megabytes": _whole(
            source, "REVEALED_GATEWAY_SEGMENT_MEGABYTES", own.gateway_segment_megabytes, least=1
        ),
        "gateway_segment_seconds": _number(
            source, "REVEALED_GATEWAY_SEGMENT_SECONDS", own.gateway_segment_seconds
        ),
        "gateway_free_megabytes": _whole(
            source, "REVEALED_GATEWAY_FREE_MEGABYTES", own.gateway_free_megabytes, least=0
        ),
        "gateway_lines_per_second": _whole(
            source, "REVEALED_GATEWAY_LINES_PER_SECOND", own.gateway_lines_per_second, least=1
        ),
    }


def _flag(env: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = env.get(name, str(default)).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise UsageError(f"{text!r} is neither true nor false", where=name, remedy="set it to 1 or 0")


def _words(source: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(word for word in source.get(name, "").replace(",", " ").split())


def _choice(env: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    text = env.get(name, allowed[0]).strip().lower()
    if text not in allowed:
        raise UsageError(
            f"{text!r} is not one of {', '.join(allowed)}",
            where=name,
            remedy=f"set it to {' or '.join(allowed)}",
        )
    return text


def _number(env: Mapping[str, str], name: str, default: float) -> float:
    text = env.get(name, str(default))
    try:
        return float(text)
    except ValueError:
        raise UsageError(
            f"{text!r} is not a number", where=name, remedy=f"set it to a number such as {default}"
        ) from None


def _whole(env: Mapping[str, str], name: str, default: int, *, least: int) -> int:
    text = env.get(name, str(default))
    if not text.isdigit() or int(text) < least:
        raise UsageError(
            f"{text!r} is not a whole number of {least} or more",
            where=name,
            remedy=f"set it to {default}, say",
        )
    return int(text)
