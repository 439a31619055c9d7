"""The benchmark's own truth, at its smallest size: the chain, the hand-written query and a plain program agree."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from loop_steps import settings_at

from revealed.benchmarks.scale import SIZES
from revealed.benchmarks.scale.builds import build
from revealed.benchmarks.scale.handwritten import MATCHES
from revealed.benchmarks.scale.raw_log import write_raw_log
from revealed.benchmarks.scale.worker import run_task
from revealed.engines.duckdb import connect
from revealed.landing.ledger import write_entry
from revealed.settings import Settings

# What it builds is built by test_touched_keys and test_incremental too; slow is the generated log.
pytestmark = [pytest.mark.dbt, pytest.mark.slow]

SIZE = replace(SIZES["tiny"], requests=2_000, events=5_000, users=150, items=60)
CORE = "+fct_impression_outcomes +fct_sessions"
Match = tuple[str, str, int]


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, dict[str, dict[str, Any]]]:
    """A build as of the last day but one, in service; a day on top of it; the same from scratch."""
    settings = settings_at(tmp_path_factory.mktemp("bench"))
    days = write_raw_log(settings, SIZE)
    for entry in [entry for day in days[:-1] for entry in day]:
        write_entry(settings, entry)
    quiet: dict[str, Any] = {"tests": False, "select": CORE, "audit": False}
    found = {
        "before": build(settings, SIZE.end - timedelta(days=1), from_scratch=True, publish=True, **quiet)
    }
    by_hand = settings.home / "by-hand.duckdb"
    found["by hand"] = run_task(
        settings, "by_hand", database=str(by_hand), as_of=(SIZE.end - timedelta(days=1)).isoformat()
    )
    for entry in days[-1]:
        write_entry(settings, entry)
    found["a day"] = build(settings, SIZE.end, from_scratch=False, publish=False, **quiet)
    found["scratch"] = build(settings, SIZE.end, from_scratch=True, publish=False, **quiet)
    return settings, found


def rows(settings: Settings, query: str, database: Path | None = None) -> list[tuple[Any, ...]]:
    con = connect(settings, database, read_only=database is not None)
    try:
        return con.execute(query).fetchall()
    finally:
        con.close()


def matches_of(settings: Settings, database: Path, table: str) -> dict[str, Match | None]:
    found = rows(
        settings, f"select event_id, match_type, matched_request_id, matched_position from {table}", database
    )
    return {
        event: None if kind == "none" else (kind, request, place) for event, kind, request, place in found
    }


def test_chain_and_hand_agree_on_every_match_with_a_plain_program(
    builds: tuple[Settings, dict[str, dict[str, Any]]],
) -> None:
    settings, found = builds
    chain = matches_of(settings, settings.published_warehouse, "marts.fct_events")
    by_hand = matches_of(settings, settings.home / "by-hand.duckdb", "events")
    plain = Plain(settings).matches()
    assert Counter(match and match[0] for match in plain.values()).keys() == {
        "request_id",
        "last_touch",
        None,
    }
    assert chain == plain
    assert by_hand == plain
    digest = rows(settings, f"select {MATCHES} from marts.fct_events", settings.published_warehouse)[0]
    assert [str(value) for value in digest] == found["by hand"]["answer"]


def test_a_day_on_top_equals_a_build_from_scratch(builds: tuple[Settings, dict[str, dict[str, Any]]]) -> None:
    settings, found = builds
    contents = [
        run_task(settings, "digests", database=f"{found[name]['folder']}/warehouse.duckdb")["content"]
        for name in ("a day", "scratch")
    ]
    assert contents[0] == contents[1]
    assert contents[0]["fct_impression_outcomes"]["rows"] > 1000
    assert not found["a day"]["steps"]["prepare"]["from_scratch"]


def test_a_low_memory_limit_spills_and_changes_nothing(tmp_path: Path) -> None:
    """Half a million impressions: 250 MB are too few to hold what 4 GB hold, and enough to finish with the same rows."""
    size = replace(SIZES["quick"], requests=50_000, events=100_000, users=19_000)
    settings = settings_at(tmp_path)
    for entry in [entry for day in write_raw_log(settings, size) for entry in day]:
        write_entry(settings, entry)
    contents, peaks = [], []
    for limit in ("4GB", "250MB"):
        limited = replace(settings, duckdb_memory_limit=limit)
        found = build(limited, size.end, from_scratch=True, publish=False, tests=False, audit=False)
        contents.append(
            run_task(settings, "digests", database=f"{found['folder']}/warehouse.duckdb")["content"]
        )
        peaks.append(max(model["peak_mb"] for model in found["models"]))
    assert contents[0] == contents[1]
    assert peaks[1] + 200 < peaks[0]


def test_every_model_is_measured(builds: tuple[Settings, dict[str, dict[str, Any]]]) -> None:
    _, found = builds
    models = {model["name"]: model for model in found["scratch"]["models"]}
    assert {"int_impressions", "int_events_matched", "fct_events", "fct_impression_outcomes"} <= models.keys()
    assert all(model["cpu_s"] > 0 and model["peak_mb"] > 50 for model in models.values())
    assert sum(model["cpu_s"] for model in models.values()) < found["scratch"]["steps"]["dbt"]["cpu_s"]


class Plain:
    """Direct match and last touch by loops over the raw rows, with no SQL but to read them."""

    def __init__(self, settings: Settings) -> None:
        self._raw = settings.raw
        self._as_of = SIZE.end - timedelta(days=1)
        with (settings.dbt_project / "seeds" / "signal_policy.csv").open() as file:
            self._policy = {row["event_type"]: row for row in csv.DictReader(file)}
        self._events = list(self._first_copies("events", "event_id"))
        self._people = self._visitors()
        self._slates: dict[str, dict[str, Any]] = {}
        self._showings: dict[tuple[str, str], list[tuple[Any, str, int]]] = defaultdict(list)
        for request in self._first_copies("inferences", "request_id"):
            self._take(request)

    def matches(self) -> dict[str, Match | None]:
        return {event["event_id"]: self._match(event) for event in self._events}

    def _first_copies(self, log: str, key: str) -> Iterator[dict[str, Any]]:
        table = duckdb.sql(f"from read_parquet('{self._raw}/{log}/*/*.parquet')").to_arrow_table()
        first: dict[str, dict[str, Any]] = {}
        for row in table.to_pylist():
            if row["received_at"] < self._as_of:
                held = first.get(row[key])
                if held is None or self._rank(row) < self._rank(held):
                    first[row[key]] = row
        yield from first.values()

    @staticmethod
    def _rank(row: dict[str, Any]) -> tuple[Any, ...]:
        return row["received_at"], row["source_file"], row["source_line"]

    def _visitors(self) -> dict[str, str]:
        named: dict[str, set[str]] = defaultdict(set)
        for event in self._events:
            if event["anonymous_id"] and event["user_id"]:
                named[event["anonymous_id"]].add(event["user_id"])
        return {visitor: min(people) for visitor, people in named.items() if len(people) == 1}

    def _person(self, row: dict[str, Any]) -> str:
        visitor = row["anonymous_id"]
        return row["user_id"] or self._people.get(visitor, f"anon:{visitor}")

    def _take(self, request: dict[str, Any]) -> None:
        positions: dict[str, int] = {}
        for shown in request["items"]:
            positions[shown["item_id"]] = min(
                positions.get(shown["item_id"], shown["position"]), shown["position"]
            )
        self._slates[request["request_id"]] = {"at": request["occurred_at"], "positions": positions}
        for item, position in positions.items():
            showing = (request["occurred_at"], request["request_id"], position)
            self._showings[self._person(request), item].append(showing)

    def _match(self, event: dict[str, Any]) -> Match | None:
        policy, item, at = self._policy[event["event_type"]], event["item_id"], event["occurred_at"]
        window = timedelta(hours=float(policy["attribution_window_hours"]))
        if policy["reversal_of"] or not item or not window:
            return None
        slate = self._slates.get(event["request_id"] or "")
        if slate and item in slate["positions"] and -timedelta(minutes=5) <= at - slate["at"] <= window:
            return "request_id", event["request_id"], slate["positions"][item]
        before = [showing for showing in self._showings[self._person(event), item] if showing[0] <= at]
        if not before:
            return None
        last = max(moment for moment, _, _ in before)
        _, request, position = min(showing for showing in before if showing[0] == last)
        return ("last_touch", request, position) if at - last <= window else None
