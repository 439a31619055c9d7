"""The attribution models' own SQL, compiled by dbt once, run on small invented histories: hundreds, without a build."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow as pa

from revealed.engines.duckdb import connect
from revealed.feedback.markov import channel_removal_effects
from revealed.settings import Settings

AS_OF = datetime(2026, 3, 1, tzinfo=UTC).replace(tzinfo=None)

# In the order in which they need each other; the removal effects (Python) come before int_attribution_markov.
MODELS = (
    "int_events_matched",
    "int_outcomes_rewritten",
    "int_outcome_touches",
    "int_outcomes_reported_shown",
    "int_attribution_touches",
    "int_satisfied_clicks",
    "int_attribution_outcomes",
    "int_attribution_ledger",
    "int_channel_transitions",
    "int_attribution_markov",
    "fct_attribution",
    "fct_credit_restatements",
    "rpt_attribution_summary",
)


@dataclass(frozen=True)
class Showing:
    """A decision: one item of one request, shown to one person, perhaps before they logged in."""

    request_id: str
    item_id: str
    actor_id: str
    occurred_at: datetime
    position: int = 1
    model_name: str = "als"
    model_version: str = "1"
    policy: str = "greedy"
    surface: str = "home"
    visitor: str | None = None

    @property
    def logged_actor_id(self) -> str:
        """Under whose name the log has it: a visitor is told to be the person only by the identities."""
        return f"anon:{self.visitor}" if self.visitor else self.actor_id

    @property
    def channel(self) -> str:
        return f"{self.model_name}/{self.model_version}/{self.policy}"


@dataclass(frozen=True)
class Event:
    """One line of the event log, as int_events_rewritten has it."""

    event_id: str
    event_type: str
    actor_id: str
    item_id: str | None
    occurred_at: datetime
    request_id: str | None = None
    value: float | None = None
    currency: str | None = None


@dataclass(frozen=True)
class Reversal:
    """One row of fct_reversals."""

    reversal_event_id: str
    original_event_id: str
    reversed_share: float
    occurred_at: datetime


@dataclass(frozen=True)
class History:
    """What the models before the ledger say: everything that attribution reads."""

    showings: list[Showing] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    reversals: list[Reversal] = field(default_factory=list)
    satisfied: set[tuple[str, str]] = field(default_factory=set)
    satisfied_visits: set[str] = field(default_factory=set)
    bots: set[str] = field(default_factory=set)


_TABLES = {
    "intermediate.int_impressions": (
        "request_id varchar, item_id varchar, actor_id varchar, occurred_at timestamp, position integer, model_name varchar, "
        "model_version varchar, policy varchar, surface varchar, impression_date date as (cast(occurred_at as date))"
    ),
    "intermediate.int_identities": "anonymous_id varchar, user_id varchar",
    "build.int_events_rewritten": (
        "event_id varchar, event_type varchar, actor_id varchar, item_id varchar, occurred_at timestamp, request_id varchar, "
        "value double, currency varchar, event_date date as (cast(occurred_at as date))"
    ),
    "build.int_actors_touched": "actor_id varchar, touched_from timestamp",
    "marts.fct_reversals": (
        "reversal_event_id varchar, original_event_id varchar, reversed_share double, occurred_at timestamp, "
        "received_at timestamp as (occurred_at), reversal_type varchar as ('return'), evidence varchar as ('event_id')"
    ),
    "made_up.satisfied_showings": "request_id varchar, item_id varchar",
    "intermediate.int_visits_judged": (
        "opening_event_id varchar, matched_request_id varchar as (null), opening_event_type varchar as ('click'), "
        "is_satisfied boolean as (true)"
    ),
    "intermediate.int_dwell_norms": (
        "moment timestamp, length_bucket varchar, device varchar, mu double, sigma double"
    ),
    "marts.dim_items": "item_id varchar, expected_dwell_s double",
    "intermediate.int_bot_actors": "actor_id varchar",
}

_VIEWS = {
    "intermediate.int_impressions_resolved": (
        "select impressions.* replace (coalesce(identities.user_id, impressions.actor_id) as actor_id) "
        "from intermediate.int_impressions as impressions left join intermediate.int_identities as identities "
        "on impressions.actor_id = 'anon:' || identities.anonymous_id"
    ),
    "marts.fct_events": "select * from build.int_events_rewritten",
}

# What the spine derives from the matches, in short: a satisfied showing took a minute.
_REPORTED = """
    select
        matches.request_id,
        events.item_id,
        bool_or(events.event_type = 'impression') as is_reported_seen,
        count(*) filter (where events.event_type = 'click') as clicks,
        max(if(satisfied.request_id is not null, 60000, null)) as dwell_ms,
        cast(null as varchar) as device
    from build.int_events_matched as matches
    inner join build.int_events_rewritten as events on matches.event_id = events.event_id
    left join made_up.satisfied_showings as satisfied
        on matches.request_id = satisfied.request_id and events.item_id = satisfied.item_id
    group by all
"""


class AttributionWarehouse:
    """An in-memory warehouse in which the compiled models run on one history after another."""

    def __init__(self, models: dict[str, str], settings: Settings, *, as_of: datetime = AS_OF) -> None:
        self._models = models
        self.con: duckdb.DuckDBPyConnection = connect(settings)
        self.con.execute("set threads = 1")
        for schema in ("made_up", "ops", "policy", "build", "intermediate", "marts"):
            self.con.execute(f"create schema {schema}")
        self.con.execute(
            f"create table ops.build_plan as select timestamp '{as_of}' as as_of, cast(null as date) as window_start"
        )
        seed = settings.dbt_project / "seeds" / "signal_policy.csv"
        self.con.execute(f"create table policy.signal_policy as from read_csv('{seed}')")
        for name, columns in _TABLES.items():
            self.con.execute(f"create table {name} ({columns})")
        for name, query in _VIEWS.items():
            self.con.execute(f"create view {name} as {query}")

    def run(self, history: History) -> None:
        """Replace what the warehouse holds by `history` and run every model on it."""
        for name, rows in self._inputs(history).items():
            self._fill(name, rows)
        self._model("int_events_matched")
        self.con.execute(f"create or replace view marts.fct_impression_outcomes as {_REPORTED}")
        for name in MODELS[1:]:
            if name == "int_attribution_markov":
                self._removal_effects()
            self._model(name)

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Return a query's rows as dictionaries."""
        found: list[dict[str, Any]] = self.con.execute(query).to_arrow_table().to_pylist()
        return found

    def _inputs(self, history: History) -> dict[str, Iterable[tuple[Any, ...]]]:
        return {
            "intermediate.int_impressions": [
                tuple((vars(showing) | {"actor_id": showing.logged_actor_id}).values())[:-1]
                for showing in history.showings
            ],
            "intermediate.int_identities": sorted(
                {(showing.visitor, showing.actor_id) for showing in history.showings if showing.visitor}
            ),
            "build.int_events_rewritten": [tuple(vars(event).values()) for event in history.events],
            "marts.fct_reversals": [tuple(vars(reversal).values()) for reversal in history.reversals],
            "made_up.satisfied_showings": sorted(history.satisfied),
            "intermediate.int_visits_judged": [(event_id,) for event_id in sorted(history.satisfied_visits)],
            "intermediate.int_bot_actors": [(actor,) for actor in sorted(history.bots)],
        }

    def _fill(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        self.con.execute(f"truncate {table}")
        listed = list(rows)
        if listed:
            marks = ", ".join("?" * len(listed[0]))
            names = ", ".join(
                column.split()[0] for column in _TABLES[table].split(", ") if " as (" not in column
            )
            self.con.execute("begin")
            self.con.executemany(f"insert into {table} ({names}) values ({marks})", listed)
            self.con.execute("commit")

    def _model(self, name: str) -> None:
        schema = {"fct": "marts", "rpt": "marts"}.get(name[:3], "intermediate")
        if name in {
            "int_events_matched",
            "int_outcomes_rewritten",
            "int_outcome_touches",
            "int_outcomes_reported_shown",
        }:
            schema = "build"
        views = {
            "int_outcomes_rewritten",
            "int_satisfied_clicks",
            "int_attribution_outcomes",
            "int_attribution_ledger",
            "int_attribution_markov",
        }
        kind = "view" if name in views or schema == "marts" else "table"
        self.con.execute(f"create or replace {kind} {schema}.{name} as {self._models[name]}")

    def _removal_effects(self) -> None:
        transitions = self.con.execute("from intermediate.int_channel_transitions").to_arrow_table()
        effects: pa.Table = channel_removal_effects(transitions)
        self.con.register("removal_effects", effects)
        self.con.execute(
            "create or replace table intermediate.int_channel_removal_effects as from removal_effects"
        )


Row = dict[str, Any]


def credited(warehouse: AttributionWarehouse, where: str = "true") -> list[Row]:
    """Rows of the ledger."""
    return warehouse.rows(f"from marts.fct_attribution where {where}")


def sums(rows: list[Row], column: str) -> dict[tuple[str, str, str], float]:
    """A column's sum by outcome event, outcome type and method."""
    added: dict[tuple[str, str, str], float] = defaultdict(float)
    for row in rows:
        added[row["outcome_event_id"], row["outcome_type"], row["method"]] += row[column]
    return added
