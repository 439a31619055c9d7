"""Read docker-compose.yml as Docker Compose does: merge keys, `${NAME:?}` and `${NAME:-default}`, values passed through."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yml"
VARIABLE = re.compile(r"\$\$|\$\{(?P<name>\w+)(?:(?P<kind>:[-?])(?P<rest>[^}]*))?\}")
_SECONDS = {"s": 1, "m": 60}


@dataclass(frozen=True)
class Service:
    """What one service runs, with what environment, after what, and how one sees that it is well."""

    name: str
    command: list[str]
    environment: dict[str, str]
    waits_for: dict[str, str]
    health: list[str]
    health_timeout: float
    profiles: list[str]


def read_document(text: str | None = None) -> dict[str, Any]:
    """The file's content, with YAML's merge keys resolved and variables as they are written."""
    document: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text() if text is None else text)
    return document


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """The text with each variable in its place; a LookupError names a required one that is missing or empty."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        known = variables.get(match["name"], "")
        if match["kind"] == ":?" and not known:
            raise LookupError(f"{match['name']}: {match['rest']}")
        return known or (match["rest"] or "" if match["kind"] == ":-" else "")

    return VARIABLE.sub(value, text)


def read_services(text: str, variables: Mapping[str, str]) -> dict[str, Service]:
    """Every service of the file, ready to run."""
    services = read_document(text)["services"]
    return {name: _service(name, given, variables) for name, given in services.items()}


def environment_of(given: Mapping[str, Any], variables: Mapping[str, str]) -> dict[str, str]:
    """A service's environment; a name without a value is passed through where it is set."""
    found = {}
    for name, value in (given.get("environment") or {}).items():
        if value is not None:
            found[name] = interpolate(str(value), variables)
        elif name in variables:
            found[name] = variables[name]
    return found


def seconds(duration: str) -> float:
    """A duration such as 30s or 5m."""
    return float(duration[:-1]) * _SECONDS[duration[-1]]


def _service(name: str, given: Mapping[str, Any], variables: Mapping[str, str]) -> Service:
    waits = given.get("depends_on") or {}
    health = given.get("healthcheck") or {}
    return Service(
        name,
        [interpolate(word, variables) for word in given.get("command") or []],
        environment_of(given, variables),
        {other: how["condition"] for other, how in waits.items()},
        _health_command([interpolate(word, variables) for word in health.get("test") or []]),
        seconds(health.get("timeout", "30s")),
        given.get("profiles") or [],
    )


def _health_command(test: list[str]) -> list[str]:
    if not test:
        return []
    kind, *words = test
    return {"CMD": words, "CMD-SHELL": ["sh", "-c", *words]}[kind]
