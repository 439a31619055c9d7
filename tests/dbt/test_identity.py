"""A visitor is the person who logged in, once that is known and not before; a shared device is nobody."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from loop_steps import build, put_into_service, settings_at

from revealed.engines.duckdb import connect
from revealed.landing import ingest_landing
from revealed.settings import Settings
from revealed.warehouse import BuildPlan

pytestmark = [pytest.mark.dbt]


def _event(event_id: str, at: str, **more: Any) -> dict[str, Any]:
    line = {
        "event_id": event_id,
        "event_type": "click",
        "item_id": "i1",
        "occurred_at": at,
        "received_at": at,
    }
    return line | more


EVENTS = [
    _event("before-login", "2026-01-01T10:00:30Z", anonymous_id="phone", request_id="shown-to-phone"),
    _event("on-shared", "2026-01-01T11:00:00Z", anonymous_id="tablet"),
    # The login happened on day 2; the collector heard of it on day 3.
    _event("login", "2026-01-02T10:00:00Z", event_type="identify", anonymous_id="phone", user_id="ann")
    | {"received_at": "2026-01-03T09:00:00Z"},
    _event(
        "bob-on-tablet", "2026-01-02T10:00:00Z", event_type="identify", anonymous_id="tablet", user_id="bob"
    ),
    _event(
        "cat-on-tablet", "2026-01-02T20:00:00Z", event_type="identify", anonymous_id="tablet", user_id="cat"
    ),
    _event("buys-at-home", "2026-01-02T12:00:00Z", event_type="purchase", user_id="ann", item_id="i2"),
]
REQUEST = {
    "request_id": "shown-to-phone",
    "occurred_at": "2026-01-01T10:00:00Z",
    "received_at": "2026-01-01T10:00:00Z",
    "anonymous_id": "phone",
    "surface": "home",
    "model_name": "als",
    "model_version": "1",
    "policy": "greedy",
    "items": [{"item_id": "i1", "position": 1}, {"item_id": "i2", "position": 2}],
}


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = settings_at(tmp_path_factory.mktemp("home"))
    for log, lines in (("events", EVENTS), ("inferences", [REQUEST])):
        path = settings.landing / log / "day.jsonl"
        path.parent.mkdir(parents=True)
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    ingest_landing(settings)
    return settings


def _rows(settings: Settings, database: Path, query: str) -> list[tuple[Any, ...]]:
    con = connect(settings, database, read_only=True)
    try:
        return con.execute(query).fetchall()
    finally:
        con.close()


WHO = "select event_id, actor_id from marts.fct_events where user_id is null order by event_id"
CREDIT = "select match_type, matched_request_id from marts.fct_events where event_id = 'buys-at-home'"


@pytest.fixture(scope="module")
def builds(landed: Settings) -> tuple[BuildPlan, BuildPlan]:
    """Before the login is known, in service; and on top of it."""
    unknown = build(landed, datetime(2026, 1, 3, tzinfo=UTC))
    kept = replace(unknown, folder=shutil.copytree(unknown.folder, landed.home / "unknown"))
    put_into_service(landed, unknown)
    return kept, build(landed, datetime(2026, 1, 4, tzinfo=UTC))


def test_a_login_makes_the_visitor_the_person_from_when_it_is_known(
    landed: Settings, builds: tuple[BuildPlan, BuildPlan]
) -> None:
    unknown, known = builds
    assert _rows(landed, unknown.database, WHO) == [
        ("before-login", "anon:phone"),
        ("on-shared", "anon:tablet"),
    ]
    assert _rows(landed, unknown.database, CREDIT) == [("none", None)]
    assert known.window_start is not None, "the second build continues the first"
    assert _rows(landed, known.database, WHO) == [("before-login", "ann"), ("on-shared", "anon:tablet")]
    assert _rows(landed, known.database, CREDIT) == [("last_touch", "shown-to-phone")]
    shown = "select distinct actor_id from marts.fct_impressions"
    assert _rows(landed, known.database, shown) == [("ann",)]


def test_the_training_fold_does_not_know_a_later_login(
    landed: Settings, builds: tuple[BuildPlan, BuildPlan]
) -> None:
    """The holdout of two days began on day 2: what was learned on day 3 is the future."""
    _, plan = builds
    people = "select distinct user_id from marts.{} where item_id = 'i1' and user_id in ('ann', 'anon:phone')"
    assert _rows(landed, plan.database, people.format("feedback_user_item")) == [("ann",)]
    assert _rows(landed, plan.database, people.format("feedback_fold_train")) == [("anon:phone",)]
