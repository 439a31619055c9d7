"""The model registry in MLflow: what was trained, who decided what about it, and which model is in service."""

from __future__ import annotations

from revealed.registry.decisions import Decision, list_decisions
from revealed.registry.review import (
    Assessment,
    assess_challenger,
    promote,
    record_gates,
    reject,
    rollback_champion,
)
from revealed.registry.runs import Registered, register_challenger
from revealed.registry.versions import (
    ModelVersion,
    current_champion,
    fetch_model,
    has_champion,
    last_trained,
    list_versions,
    read_model_version,
    require_champion,
)

__all__ = [
    "Assessment",
    "Decision",
    "ModelVersion",
    "Registered",
    "assess_challenger",
    "current_champion",
    "fetch_model",
    "has_champion",
    "last_trained",
    "list_decisions",
    "list_versions",
    "promote",
    "read_model_version",
    "record_gates",
    "register_challenger",
    "reject",
    "require_champion",
    "rollback_champion",
]
