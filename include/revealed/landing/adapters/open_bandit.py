"""Open Bandit Dataset (Saito et al., arXiv 2008.07146): a fashion shop's recommendations under two known policies.

A row is one shown item with its true propensity. Rows carry neither a request nor a user: rows of one moment do not
form a slate, so each row is a request of its own that shows a *part* of a slate, its one item at its real position
(1 to 3, left to right). Such a request says so: `context` = {"partial_slate": true, ...}.

`<policy>_<campaign>.parquet` becomes inferences and events:

| column | becomes |
|---|---|
| file name and row number | `request_id` "<policy>_<campaign>-<row, from 1>" |
| `timestamp` | `occurred_at` = `received_at`; also of the click, which has no time of its own |
| `user_feature_0..3` | `anonymous_id`: "features-" and a hash of the four. People with the same features cannot be told apart, so this is a group, not a person; the four are in `context` |
| `item_id`, `position` | the one shown item |
| `propensity_score` | its `propensity`, unchanged |
| (file name) | `policy` "random" or "bts", `context.campaign`; `model_name` "zozotown", `model_version` "2019-11", `surface` "recommendations" |
| `user-item_affinity_0..33` | `context.affinity`, a list in item order |
| `click` = 1 | `click` with `request_id`, `item_id`, `position` |

`item_context_<policy>_<campaign>.parquet` becomes items. Both policies describe the same items; `item_feature_0`
agrees, the three hashed features are salted by policy and cannot be compared. One description is kept: the first
by file name.

| column | becomes |
|---|---|
| `item_id` | `item_id` |
| `item_feature_1` | `topic`: the hash, as the one categorical feature that groups items most coarsely |
| `item_feature_0..3` | `text` |
"""  # noqa: E501 - rows of a Markdown table cannot be wrapped

from __future__ import annotations

import re
from pathlib import Path

import duckdb

from revealed.engines.duckdb import literal
from revealed.errors import MissingInputError
from revealed.landing.adapters.contract_parquet import (
    open_reader,
    require_columns,
    source_files,
    write_contract,
)
from revealed.progress import Progress

_POLICIES = ("random", "bts")
_LOG_NAME = re.compile(rf"^({'|'.join(_POLICIES)})_([a-z]+)\.parquet$")
_ITEM_NAME = "item_context_*.parquet"
_FEATURES = tuple(f"user_feature_{n}" for n in range(4))
_LOG_COLUMNS = ("timestamp", "item_id", "position", "click", "propensity_score", *_FEATURES)
_ITEM_COLUMNS = ("item_id", *(f"item_feature_{n}" for n in range(4)))
_STARTED = "2019-11-24 00:00:00"

_SHOWN = """
    select *, {stem} || '-' || lpad(cast(file_row_number + 1 as varchar), 7, '0') as request_id,
        file_row_number as line, cast("timestamp" as timestamp) as occurred_at,
        'features-' || md5({features})[1:16] as anonymous_id
    from read_parquet({file}, file_row_number = true)
"""
_INFERENCES = """
    select request_id, occurred_at, occurred_at as received_at, anonymous_id, 'recommendations' as surface,
        'zozotown' as model_name, '2019-11' as model_version, {policy} as policy,
        to_json({{'partial_slate': true, 'campaign': {campaign}, {user_features},
            'affinity': {affinity}}}) as context,
        [{{'item_id': cast(item_id as varchar), 'position': position, 'score': null,
           'propensity': propensity_score}}] as items,
        1 as schema_version
    from ({shown}) order by line
"""
_CLICKS = """
    select request_id || '-click' as event_id, 'click' as event_type, occurred_at, occurred_at as received_at,
        anonymous_id, item_id, request_id, position, 'recommendations' as surface, 1 as schema_version
    from ({shown}) where click = 1 order by line
"""
_ITEMS = """
    select item_id, item_feature_1 as topic,
        concat_ws(' ', item_feature_0, item_feature_1, item_feature_2, item_feature_3) as text,
        timestamp '{started}' as updated_at, timestamp '{started}' as received_at, 1 as schema_version
    from read_parquet({file}) order by item_id
"""


class OpenBandit:
    """Reads a folder of Open Bandit Parquet files, or one of them."""

    name = "open-bandit"
    describe = "Open Bandit Dataset (random_*, bts_*, item_context_* as Parquet)"

    def convert(self, source: Path, target: Path, progress: Progress) -> list[tuple[Path, str]]:
        """Write contract Parquet under `target`; return each file and its log. Same source, same bytes.

        Raises:
            MissingInputError: no file in `source` has an Open Bandit name.
            UsageError: a file lacks columns.
            DamagedFileError: a file is not Parquet.
        """
        patterns = (*(f"{policy}_*.parquet" for policy in _POLICIES), _ITEM_NAME)
        files = source_files(source, patterns, self.name)
        descriptions = [file for file in files if file.match(_ITEM_NAME)][:1]
        logs = [(file, match) for file in files if (match := _LOG_NAME.match(file.name))]
        if not logs and not descriptions:
            raise MissingInputError("no file here is named <policy>_<campaign>.parquet", where=str(source))
        con = open_reader()
        try:
            written: list[tuple[Path, str]] = []
            for done, (file, match) in enumerate(logs, start=1):
                progress(f"converting {file.name}", done, len(logs))
                written += _convert_log(con, file, match[1], match[2], target)
            written += [_convert_items(con, file, target) for file in descriptions]
        finally:
            con.close()
        return written


def _convert_log(
    con: duckdb.DuckDBPyConnection, file: Path, policy: str, campaign: str, target: Path
) -> list[tuple[Path, str]]:
    require_columns(con, file, _LOG_COLUMNS)
    features = " || '|' || ".join(_FEATURES)
    shown = _SHOWN.format(stem=literal(file.stem), features=features, file=literal(file))
    inferences = _INFERENCES.format(
        policy=literal(policy),
        campaign=literal(campaign),
        user_features=", ".join(f"'{name}': {name}" for name in _FEATURES),
        affinity=_affinity(con, file),
        shown=shown,
    )
    queries = {"inferences": inferences, "events": _CLICKS.format(shown=shown)}
    return [
        write_contract(con, query, log, target / f"{log}-{file.stem}.parquet")
        for log, query in queries.items()
    ]


def _affinity(con: duckdb.DuckDBPyConnection, file: Path) -> str:
    """Return the SQL list of the affinity columns, in item order."""
    columns = con.execute(f"describe select * from read_parquet({literal(file)})").fetchall()
    names = [name for name, *_ in columns if name.startswith("user-item_affinity_")]
    quoted = (f'"{name}"' for name in sorted(names, key=lambda name: int(name.rsplit("_", 1)[1])))
    return f"[{', '.join(quoted)}]::double[]"


def _convert_items(con: duckdb.DuckDBPyConnection, file: Path, target: Path) -> tuple[Path, str]:
    require_columns(con, file, _ITEM_COLUMNS)
    query = _ITEMS.format(started=_STARTED, file=literal(file))
    return write_contract(con, query, "items", target / f"items-{file.stem}.parquet")
