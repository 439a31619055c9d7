"""`--mapping FILE`: logs that mean what ours mean, under other names.

A TOML (or JSON) file with up to four tables: `[columns]` foreign = "contract", `[constants]` contract = value
(where the line has none), `[epochs]` contract = "s" | "ms" | "us" (since 1970) and `[text]` contract = true
(whole numbers that are identifiers). Names apply to the top level of a line.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from revealed import durable
from revealed.contracts import Log, Rejected, RejectionReason
from revealed.errors import MissingInputError, UsageError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
_REMEDY = 'write TOML (or JSON in a .json file) such as:  [columns]  their_name = "our_name"'
_TABLES = ("columns", "constants", "epochs", "text")


@dataclass(frozen=True)
class Mapping:
    """How foreign columns become the contract's."""

    sha256: str
    columns: dict[str, str] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    epochs: dict[str, str] = field(default_factory=dict)
    text: dict[str, bool] = field(default_factory=dict)

    def apply(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the line's values under the contract's names.

        Raises:
            Rejected: `bad_timestamp`, for an epoch that is not a number or out of range.
        """
        named = {self.columns.get(name, name): value for name, value in values.items()}
        named |= {name: value for name, value in self.constants.items() if named.get(name) is None}
        named |= {
            name: _moment(name, named[name], unit) for name, unit in self.epochs.items() if name in named
        }
        return named | {name: str(named[name]) for name in self.text if _is_whole(named.get(name))}


def read_mapping(path: Path, log: Log) -> Mapping:
    """Return the mapping in `path`, checked against the contract of `log`.

    Raises:
        MissingInputError: there is no such file.
        UsageError: it does not parse, or names a table, column or unit that there is not.
    """
    if not path.is_file():
        raise MissingInputError("there is no such mapping file", where=str(path), remedy="check the path")
    tables = _parse(path)
    _require_known("table", tables, _TABLES, path)
    targets = [*tables.get("columns", {}).values()]
    for table in _TABLES[1:]:
        targets += tables.get(table, {})
    _require_known("contract column", targets, log.fields, path)
    _require_known("unit", tables.get("epochs", {}).values(), tuple(_UNITS), path)
    return Mapping(durable.sha256_file(path), **tables)


def _parse(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        parsed = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except ValueError as error:
        raise UsageError(f"the mapping does not parse: {error}", where=str(path), remedy=_REMEDY) from None
    if not isinstance(parsed, dict) or not all(isinstance(table, dict) for table in parsed.values()):
        raise UsageError(f"a mapping holds the tables {', '.join(_TABLES)}", where=str(path), remedy=_REMEDY)
    return parsed


def _require_known(what: str, names: Any, known: tuple[str, ...], path: Path) -> None:
    for name in names:
        if name not in known:
            raise UsageError(f"{name!r} is no {what}", where=str(path), remedy=f"use {', '.join(known)}")


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _moment(name: str, value: object, unit: str) -> object:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Rejected(RejectionReason.BAD_TIMESTAMP, f"`{name}` {value!r} is not a number of {unit}")
    try:
        return _EPOCH + timedelta(seconds=value * _UNITS[unit])
    except (OverflowError, ValueError):
        raise Rejected(RejectionReason.BAD_TIMESTAMP, f"`{name}` {value!r} is out of range") from None
