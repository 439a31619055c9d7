"""What differs between two feedback datasets, row by row, and why."""

from __future__ import annotations

from typing import Any

import duckdb

from revealed.engines.duckdb import connect, literal
from revealed.feedback.export import INTERACTIONS, KEYS
from revealed.feedback.manifest import DatasetManifest
from revealed.settings import Settings

# They say which build a row is of, not what is in it.
_STAMPS = ("as_of", "policy_version")
_QUANTILES = (0.0, 0.05, 0.5, 0.95, 1.0)


def compare_datasets(settings: Settings, before: DatasetManifest, after: DatasetManifest) -> dict[str, Any]:
    """Return what `after` has that `before` has not, and the other way round, as plain JSON values.

    `files` counts, by key, the rows added, removed and changed (in any column but the build's stamps);
    `confidence` is how far the pairs' confidence moved; `people` and `items` count who came and went;
    `because` lists every difference in moment, policy, code, parameters and source files.
    """
    con = connect(settings)
    try:
        return {
            "before": before.version,
            "after": after.version,
            "because": reasons(before, after),
            "files": [_file_difference(con, before, after, name) for name in KEYS],
            "confidence": _confidence(con, before, after),
            "people": _comings(con, before, after, "user_id"),
            "items": _comings(con, before, after, "item_id"),
        }
    finally:
        con.close()


def reasons(before: DatasetManifest, after: DatasetManifest) -> list[str]:
    """Return in words what was not the same when the two were written; empty for one and the same dataset."""
    found = []
    if before.as_of != after.as_of:
        days = (after.as_of - before.as_of).total_seconds() / 86_400
        found.append(
            f"as of {after.as_of:%Y-%m-%d %H:%M} instead of {before.as_of:%Y-%m-%d %H:%M} ({days:+.3g} days)"
        )
    if before.policy_version != after.policy_version:
        found.append(f"signal policy {after.policy_version} instead of {before.policy_version}")
    if before.project_digest != after.project_digest:
        found.append("other models, macros or seeds: the rules that compute the marts were edited")
    return found + _other_parameters(before, after) + _other_files(before, after)


def _other_parameters(before: DatasetManifest, after: DatasetManifest) -> list[str]:
    old, new = _flat(before.parameters), _flat(after.parameters)
    if not old or not new:
        return []  # written before parameters were recorded: nothing is known
    return [
        f"{name} {new.get(name, 'absent')} instead of {old.get(name, 'absent')}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]


def _other_files(before: DatasetManifest, after: DatasetManifest) -> list[str]:
    if not before.inputs or not after.inputs:
        return []
    old, new = (set(manifest.inputs["sha256"]) for manifest in (before, after))
    return [f"{len(new - old)} source files more, {len(old - new)} fewer"] if old != new else []


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found


def _file_difference(
    con: duckdb.DuckDBPyConnection, before: DatasetManifest, after: DatasetManifest, name: str
) -> dict[str, Any]:
    shown: dict[str, Any] = {"file": name, "before": before.rows_of(name), "after": after.rows_of(name)}
    if not (name in before.files and name in after.files):
        absent = {"added": after.rows_of(name), "removed": before.rows_of(name), "changed": 0}
        return shown | absent
    if before.files[name].sha256 == after.files[name].sha256:
        return shown | {"added": 0, "removed": 0, "changed": 0}
    old, new = (_columns(con, manifest, name) for manifest in (before, after))
    compared = [column for column in new if column in old and column not in (*KEYS[name], *_STAMPS)]
    differs = " or ".join(["false", *(f"old.{column} is distinct from new.{column}" for column in compared)])
    row = con.execute(
        "select count(*) filter (where old.is_there is null), count(*) filter (where new.is_there is null), "
        f"count(*) filter (where old.is_there and new.is_there and ({differs})) from {_joined(before, after, name)}"
    ).fetchone()
    assert row is not None
    shown |= dict(zip(("added", "removed", "changed"), row, strict=True))
    other = [f"+{column}" for column in new if column not in old]
    other += [f"-{column}" for column in old if column not in new]
    return shown | ({"columns": ", ".join(other)} if other else {})


def _joined(before: DatasetManifest, after: DatasetManifest, name: str) -> str:
    """The two files side by side; each side says whether it has the row, because a key may hold nulls."""
    sides = (
        f"(select *, true as is_there from read_parquet({literal(manifest.file(name))})) as {side}"
        for manifest, side in ((before, "old"), (after, "new"))
    )
    same = " and ".join(f"old.{column} is not distinct from new.{column}" for column in KEYS[name])
    return f"{next(sides)} full outer join {next(sides)} on {same}"


def _columns(con: duckdb.DuckDBPyConnection, manifest: DatasetManifest, name: str) -> list[str]:
    rows = con.execute(f"describe from read_parquet({literal(manifest.file(name))})").fetchall()
    return [str(row[0]) for row in rows]


def _confidence(
    con: duckdb.DuckDBPyConnection, before: DatasetManifest, after: DatasetManifest
) -> dict[str, Any]:
    """How the confidence of the pairs that both have moved: quantiles of the difference, and changes of mind."""
    row = con.execute(
        f"select count(*), count(*) filter (where old.preference != new.preference), "
        f"quantile_disc(new.confidence - old.confidence, {list(_QUANTILES)}) "
        f"from {_joined(before, after, INTERACTIONS)} where old.is_there and new.is_there"
    ).fetchone()
    assert row is not None
    quantiles = dict(zip(("min", "p05", "median", "p95", "max"), row[2] or [None] * 5, strict=True))
    return {"pairs": row[0], "preference_flipped": row[1], "change": quantiles}


def _comings(
    con: duckdb.DuckDBPyConnection, before: DatasetManifest, after: DatasetManifest, column: str
) -> dict[str, int]:
    old, new = (
        f"(select distinct {column} from read_parquet({literal(manifest.file(INTERACTIONS))}))"
        for manifest in (before, after)
    )
    row = con.execute(
        f"select (select count(*) from {new} anti join {old} using ({column})), "
        f"(select count(*) from {old} anti join {new} using ({column}))"
    ).fetchone()
    assert row is not None
    return {"new": row[0], "gone": row[1]}
