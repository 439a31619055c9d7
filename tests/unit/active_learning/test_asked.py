"""Who cools down: what the gateway logged counts where it asked, and what was published where it did not."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "gateway" / "reading"))

from small_snapshots import AS_OF, ask

from revealed.active_learning.asked import read_asked
from revealed.active_learning.published import QueryBudget, lately_asked
from revealed.landing import ingest_landing
from revealed.settings import Settings

MOMENT = datetime.fromisoformat(AS_OF)
BUDGET = QueryBudget(pair_cooldown_days=20, person_cooldown_days=5)
PUBLISHED = [("ann", "i1", 0.5), ("ann", "i2", 0.5), ("bob", "i3", 0.5), ("anon:v-1", "i4", 0.5)]


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path / "home", project_root=tmp_path, landing_grace_seconds=0.0)
    ask(settings, 1, PUBLISHED)
    return settings


def question(person: str, *items: str, at: datetime, **values: Any) -> dict[str, Any]:
    return {
        "request_id": f"{person}-{at:%d%H}",
        "occurred_at": f"{at.isoformat()}Z",
        **({"anonymous_id": person[5:]} if person.startswith("anon:") else {"user_id": person}),
        "surface": "query",
        "model_name": "active_learning",
        "model_version": "3",
        "policy": "active_learning",
        "snapshot_id": "queries/000001",
        "items": [{"item_id": item, "position": n} for n, item in enumerate(items, 1)],
        **values,
    }


def land(settings: Settings, *lines: dict[str, Any]) -> None:
    folder = settings.landing / "inferences"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "asked.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    ingest_landing(settings)


def cooling(settings: Settings, *, days: float) -> tuple[set[str], set[tuple[str, str]]]:
    return lately_asked(settings, MOMENT + timedelta(days=days), BUDGET)


def test_without_a_gateway_what_was_published_counts_as_asked(home: Settings) -> None:
    people, pairs = cooling(home, days=4)
    assert people == {"ann", "bob", "anon:v-1"}
    assert pairs == {(user, item) for user, item, _ in PUBLISHED}
    assert cooling(home, days=5) == (set(), pairs)
    assert cooling(home, days=20) == (set(), set())


def test_with_one_only_who_was_asked_cools_down_and_from_then_on(home: Settings) -> None:
    land(
        home,
        question("ann", "i1", at=MOMENT + timedelta(days=3)),
        question("anon:v-1", "i4", at=MOMENT + timedelta(days=1)),
    )
    assert cooling(home, days=4) == ({"ann", "anon:v-1"}, {("ann", "i1"), ("anon:v-1", "i4")})
    assert cooling(home, days=7) == ({"ann"}, {("ann", "i1"), ("anon:v-1", "i4")})
    # The table is older than any cool-down by now; what was asked from it is not.
    assert cooling(home, days=22) == (set(), {("ann", "i1")})
    assert cooling(home, days=23) == (set(), set())


def test_a_table_that_nobody_was_asked_from_counts_whole_beside_one_that_was(home: Settings) -> None:
    land(home, question("bob", "i3", at=MOMENT + timedelta(hours=1)))
    ask(home, 2, [("eve", "i9", 0.5)])
    assert cooling(home, days=1) == ({"bob", "eve"}, {("bob", "i3"), ("eve", "i9")})


def test_what_is_not_known_yet_or_no_question_changes_nothing(home: Settings) -> None:
    """As of a moment, the same whatever came later: a table can be made again."""
    before = cooling(home, days=2)
    at = MOMENT + timedelta(days=1)
    land(
        home,
        question("ann", "i1", at=at, received_at=f"{(MOMENT + timedelta(days=3)).isoformat()}Z"),
        question("cy", "i1", at=at, surface="home", policy="greedy", snapshot_id="000001"),
        question("dee", "i1", at=at, snapshot_id="queries/rubbish"),
        question("eli", "i1", at=at, snapshot_id=None),
    )
    assert cooling(home, days=2) == before
    assert cooling(home, days=4)[0] == {"ann"}


def test_only_days_that_matter_are_read(home: Settings) -> None:
    land(home, *(question("ann", "i1", at=MOMENT - timedelta(days=days)) for days in (0, 10, 30)))
    found = read_asked(home, MOMENT + timedelta(hours=1), 20)
    assert [asked.occurred_at for asked in found] == [MOMENT - timedelta(days=10), MOMENT]
