"""Late lines: reversals before what they reverse, and logins heard of later. Continued builds equal those from scratch.

A visitor is the person who logged in, once that is known and not before; a shared device is nobody.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from late_lines import (
    EARLY,
    IDENTITIES,
    KNOWN_EARLY,
    KNOWN_LATE,
    LATE,
    LATE_ARRIVAL,
    SHOWINGS,
    TAKEN_EARLY,
    TAKEN_LATE,
    TOUCHED,
)
from loop_steps import build, hashes, put_into_service, settings_at

from revealed.engines.duckdb import connect
from revealed.landing import ingest_landing
from revealed.settings import Settings
from revealed.warehouse import BuildPlan, finish_candidate, prepare_candidate, run_dbt

pytestmark = [pytest.mark.dbt]


def land(settings: Settings, log: str, name: str, lines: Iterable[dict[str, Any]]) -> None:
    path = settings.landing / log / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    report = ingest_landing(settings)
    assert report.quarantined == 0, report.reasons


def taken(settings: Settings, database: Path) -> set[tuple[str, str | None, str, float]]:
    """Reversal, original, owner and share; of what found nothing, the share of the reversal."""
    return set(
        query(
            settings,
            database,
            "select reversal_event_id, original_event_id, actor_id, "
            "case when original_event_id is null then share_of_reversal else reversed_share end from marts.fct_reversals",
        )
    )


def query(settings: Settings, database: Path, sql: str) -> list[tuple[Any, ...]]:
    con = connect(settings, database, read_only=True)
    try:
        return con.execute(sql).fetchall()
    finally:
        con.close()


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, dict[str, BuildPlan]]:
    """Before the late lines; with them, on top of it and from scratch; and back to before on top of that."""
    settings = settings_at(tmp_path_factory.mktemp("home"))
    land(settings, "inferences", "shown.jsonl", SHOWINGS)
    land(settings, "events", "early.jsonl", KNOWN_EARLY + IDENTITIES)
    plans = {"early": build(settings, EARLY)}
    early_hashes = hashes(settings, plans["early"].database)
    put_into_service(settings, plans["early"])
    land(settings, "events", "late.jsonl", [line | {"received_at": LATE_ARRIVAL} for line in KNOWN_LATE])
    plans["late"] = prepare_candidate(settings, LATE)
    run_dbt(settings, plans["late"], data_tests=False)
    touched = "select original_event_id from build.int_reversals_touched order by 1"
    # Eve's newer save is taken back as before, though by another reversal: the trail of its credit says so.
    assert [name for (name,) in query(settings, plans["late"].database, touched)] == TOUCHED
    finish_candidate(settings, plans["late"])
    plans["scratch"] = build(settings, LATE, from_scratch=True)
    assert not plans["late"].from_scratch
    assert hashes(settings, plans["late"].database) == hashes(settings, plans["scratch"].database)
    put_into_service(settings, plans["scratch"])
    plans["back"] = build(settings, EARLY)
    assert not plans["back"].from_scratch
    assert hashes(settings, plans["back"].database) == early_hashes
    return settings, plans


def test_a_reversal_waits_for_its_original_and_then_moves_to_it(
    builds: tuple[Settings, dict[str, BuildPlan]],
) -> None:
    settings, plans = builds
    assert taken(settings, plans["back"].database) == TAKEN_EARLY
    assert taken(settings, plans["late"].database) == TAKEN_LATE


def test_outcomes_are_net_of_what_came_back(builds: tuple[Settings, dict[str, BuildPlan]]) -> None:
    settings, plans = builds
    outcomes = query(
        settings,
        plans["late"].database,
        "select request_id, item_id, is_purchased, is_saved, gross_value, returned_value "
        "from marts.fct_impression_outcomes where request_id like 'q-%' order by all",
    )
    assert outcomes == [
        ("q-ann", "i1", False, False, 30.0, 30.0),
        ("q-cat", "i1", False, False, 10.0, 10.0),
        ("q-cat", "i2", False, False, 20.0, 20.0),
        ("q-eve", "i3", False, False, 0.0, 0.0),
        ("q-fay", "i3", False, False, 0.0, 0.0),
        ("q-hal", "i1", True, False, 15.0, 5.0),
        ("q-visitor", "i2", False, False, 0.0, 0.0),
    ]


WHO = "select event_id, actor_id from marts.fct_events where event_id in ('before-login', 'on-shared') order by all"
CREDIT = "select match_type, matched_request_id from marts.fct_events where event_id = 'buys-at-home'"


def test_a_login_makes_the_visitor_the_person_from_when_it_is_known(
    builds: tuple[Settings, dict[str, BuildPlan]],
) -> None:
    settings, plans = builds
    unknown, known = plans["back"].database, plans["late"].database
    shared = ("on-shared", "anon:visitor-tablet")
    assert query(settings, unknown, WHO) == [("before-login", "anon:visitor-phone"), shared]
    assert query(settings, unknown, CREDIT) == [("none", None)]
    assert plans["late"].window_start is not None, "the second build continues the first"
    assert query(settings, known, WHO) == [("before-login", "amy"), shared]
    assert query(settings, known, CREDIT) == [("last_touch", "shown-to-phone")]
    shown = "select distinct actor_id from marts.fct_impressions where request_id = 'shown-to-phone'"
    assert query(settings, known, shown) == [("amy",)]


def test_the_training_fold_does_not_know_a_later_login(
    builds: tuple[Settings, dict[str, BuildPlan]],
) -> None:
    """The holdout of two days began with day 3, on which the login was heard of."""
    settings, plans = builds
    people = "select distinct user_id from marts.{} where item_id = 'i1' and user_id in ('amy', 'anon:visitor-phone')"
    database = plans["late"].database
    assert query(settings, database, people.format("feedback_user_item")) == [("amy",)]
    assert query(settings, database, people.format("feedback_fold_train")) == [("anon:visitor-phone",)]


@pytest.mark.slow  # of a small world: test_touched_keys builds the log cut at its moment
def test_the_past_can_be_had_again(builds: tuple[Settings, dict[str, BuildPlan]], tmp_path: Path) -> None:
    """Of a log that went on, the same marts as of the log cut there; what came back later still stands."""
    settings, plans = builds
    in_service = settings.published_warehouse.resolve()
    file = tmp_path / "then" / "early.duckdb"
    told = revealed(settings, "warehouse", "as-of", "2026-01-03", "--to", str(file), "--json")
    assert told.returncode == 0, told.stderr
    report = json.loads(told.stdout)
    assert report["as_of"] == EARLY.isoformat()
    assert report["bytes"] == file.stat().st_size
    assert {name: entry["hash"] for name, entry in report["marts"].items()} == hashes(settings, file)
    assert hashes(settings, file) == hashes(settings, plans["back"].database)
    hal = "select is_purchased, net_value from marts.fct_impressions where request_id = 'q-hal'"
    assert query(settings, file, hal) == [(True, 15.0)]
    assert query(settings, plans["late"].database, hal) == [(True, 10.0)]
    assert settings.published_warehouse.resolve() == in_service
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert sorted(plan.folder for plan in plans.values() if plan.folder.exists()) == sorted(
        settings.candidates.iterdir()
    )


def test_a_past_that_cannot_be_had_is_refused(
    builds: tuple[Settings, dict[str, BuildPlan]], tmp_path: Path
) -> None:
    settings, _ = builds
    file = tmp_path / "early.duckdb"
    before_all = revealed(settings, "warehouse", "as-of", "2026-01-01T08:00:00Z", "--to", str(file), "--json")
    assert before_all.returncode == 7
    assert "2026-01-01 08:00:00 UTC" in json.loads(before_all.stdout)["error"]["do"]
    file.write_text("mine")
    taken_name = revealed(settings, "warehouse", "as-of", "2026-01-03", "--to", str(file), "--json")
    assert taken_name.returncode == 2
    assert json.loads(taken_name.stdout)["error"]["where"] == str(file)
    assert file.read_text() == "mine"


def revealed(settings: Settings, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, as a shell would run it on this home."""
    program = str(Path(sys.executable).with_name("revealed"))
    env = {"REVEALED_HOME": str(settings.home), "REVEALED_HOLDOUT_DAYS": str(settings.holdout_days)}
    return subprocess.run(
        [program, *words], env={**os.environ, **env}, capture_output=True, text=True, check=False
    )
