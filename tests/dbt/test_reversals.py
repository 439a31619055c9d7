"""Reversals that come before what they reverse, from somebody else, or lose what they had: incremental equals scratch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from loop_steps import build, hashes, put_into_service, settings_at

from revealed.engines.duckdb import connect
from revealed.landing import ingest_landing
from revealed.settings import Settings
from revealed.warehouse import BuildPlan, finish_candidate, prepare_candidate, run_dbt

pytestmark = [pytest.mark.dbt]

EARLY, LATE = datetime(2026, 1, 3, tzinfo=UTC), datetime(2026, 1, 5, tzinfo=UTC)
LATE_ARRIVAL = "2026-01-04T08:00:00Z"


def event(name: str, kind: str, at: str, who: str, item: str | None, **says: Any) -> dict[str, Any]:
    person = {"anonymous_id": who} if who.startswith("visitor") else {"user_id": who}
    moment = f"2026-01-{at}:00Z"
    line = {
        "event_id": name,
        "event_type": kind,
        "occurred_at": moment,
        "received_at": moment,
        "item_id": item,
    }
    return {key: value for key, value in (line | person | says).items() if value is not None}


def showing(request: str, who: str, *items: str) -> dict[str, Any]:
    person = {"anonymous_id": who} if who.startswith("visitor") else {"user_id": who}
    moment = "2026-01-01T08:00:00Z"
    shown = [{"item_id": item, "position": n} for n, item in enumerate(items, start=1)]
    model = {"surface": "home", "model_name": "m", "model_version": "1", "policy": "p"}
    return {
        "request_id": request,
        "occurred_at": moment,
        "received_at": moment,
        "items": shown,
        **person,
        **model,
    }


SHOWINGS = [
    showing("q-ann", "ann", "i1", "i4"),
    showing("q-cat", "cat", "i1", "i2"),
    showing("q-visitor", "visitor-1", "i2"),
    showing("q-eve", "eve", "i3"),
    showing("q-fay", "fay", "i3"),
    showing("q-hal", "hal", "i1"),
]

KNOWN_EARLY = [
    # The desk cancels cat's order, and bob returns what ann bought: both arrive before the purchases do.
    event("cancel-order", "cancel", "02T10:00", "desk", None, order_id="order-cat"),
    event("return-named", "return", "02T10:00", "bob", "i1", reverses_event_id="buy-ann", quantity=1),
    event("buy-ann-too", "purchase", "01T08:30", "ann", "i1", quantity=1, value=10.0),
    event("return-ann", "return", "02T12:00", "ann", "i1", quantity=2),
    # Dan takes back what he saved before anybody knew that the visitor was he.
    event("save-visitor", "save", "01T09:00", "visitor-1", "i2"),
    event("unsave-dan", "unsave", "02T11:00", "dan", "i2"),
    # A guess that has to give way, since a late line names what it took.
    event("save-eve-1", "save", "01T09:00", "eve", "i3"),
    event("save-eve-2", "save", "01T10:00", "eve", "i3"),
    event("unsave-eve", "unsave", "02T09:00", "eve", "i3"),
    # Nobody touches fay.
    event("save-fay", "save", "01T09:00", "fay", "i3"),
    event("unsave-fay", "unsave", "02T09:00", "fay", "i3"),
    # Hal's return happens early and is heard of late.
    event("buy-hal", "purchase", "01T09:00", "hal", "i1", order_id="order-hal", value=15.0),
]

KNOWN_LATE = [
    event("buy-cat-1", "purchase", "01T09:00", "cat", "i1", order_id="order-cat", value=10.0),
    event("buy-cat-2", "purchase", "01T09:00", "cat", "i2", order_id="order-cat", value=20.0, quantity=2),
    event("buy-ann", "purchase", "01T09:00", "ann", "i1", quantity=2, value=20.0),
    event("login-dan", "identify", "02T12:00", "dan", None, anonymous_id="visitor-1"),
    event("unsave-eve-named", "unsave", "02T10:00", "eve", "i3", reverses_event_id="save-eve-2"),
    event("return-hal", "return", "02T10:00", "hal", "i1", order_id="order-hal", value=5.0),
    event("click-gil", "click", "03T10:00", "gil", "i4"),
]

TAKEN_EARLY = {
    ("cancel-order", None, "desk", 1.0),
    ("return-named", None, "bob", 1.0),
    ("return-ann", "buy-ann-too", "ann", 1.0),
    ("return-ann", None, "ann", 0.5),
    ("unsave-dan", None, "dan", 1.0),
    ("unsave-eve", "save-eve-2", "eve", 1.0),
    ("unsave-fay", "save-fay", "fay", 1.0),
}

TAKEN_LATE = {
    ("cancel-order", "buy-cat-1", "cat", 1.0),
    ("cancel-order", "buy-cat-2", "cat", 1.0),
    ("return-named", "buy-ann", "ann", 0.5),
    # Bob's return names one of the two pieces of the newer purchase: the other one and the older purchase are left.
    ("return-ann", "buy-ann", "ann", 0.5),
    ("return-ann", "buy-ann-too", "ann", 1.0),
    ("unsave-dan", "save-visitor", "dan", 1.0),
    ("unsave-eve", "save-eve-1", "eve", 1.0),
    ("unsave-eve-named", "save-eve-2", "eve", 1.0),
    ("unsave-fay", "save-fay", "fay", 1.0),
    ("return-hal", "buy-hal", "hal", 0.333333333),
}


TOUCHED = ["buy-ann", "buy-cat-1", "buy-cat-2", "buy-hal", "save-eve-1", "save-eve-2", "save-visitor"]


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
    land(settings, "events", "early.jsonl", KNOWN_EARLY)
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
        "from marts.fct_impression_outcomes order by all",
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
