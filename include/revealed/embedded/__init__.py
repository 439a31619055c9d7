"""The embedded platform: Airflow and MLflow on one machine, without Docker, for `make demo` and `make up`."""

from __future__ import annotations

from revealed.embedded.demo import run_demo
from revealed.embedded.platform import down, up

__all__ = ["down", "run_demo", "up"]
