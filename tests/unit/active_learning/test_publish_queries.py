"""Tables of questions from a real champion: the same every time, within budget, and nobody asked again too soon."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from planted_world import AS_OF, World, item_id, settings_in, write_warehouse
from trained_home import published_once, trained_once

from revealed.active_learning import QueryBudget, current_queries, publish_queries
from revealed.active_learning.published import QUERIES, folder_of, list_queries
from revealed.errors import DamagedFileError, NothingPublishedError, StaleError
from revealed.feedback import write_dataset
from revealed.settings import Settings

BUDGET = QueryBudget(pairs=40, per_person=2, pair_cooldown_days=20, person_cooldown_days=5)


@pytest.fixture
def home(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return replace(published_once(tmp_path_factory.getbasetemp(), tmp_path / "home"), keep_generations=3)


def later(settings: Settings, days: int) -> None:
    """The same world's data as of some days later."""
    world = World(as_of=AS_OF + timedelta(days=days))
    write_dataset(settings, write_warehouse(settings.home / "w" / f"{days}" / "warehouse.duckdb", world))


def rows(settings: Settings) -> list[dict[str, Any]]:
    return current_queries(settings)[1]


def test_a_table_is_within_budget_and_asks_of_nothing_that_was_seen_or_is_gone(home: Settings) -> None:
    published = publish_queries(home, BUDGET)
    found = rows(home)
    assert published.rows == len(found)
    assert 39 <= len(found) <= 40
    assert max(Counter(row["user_id"] for row in found).values()) <= 2
    assert len({(row["user_id"], row["item_id"]) for row in found}) == len(found)
    assert all(0 < row["propensity"] <= 1 and row["information"] > 0 for row in found)
    assert item_id(3) not in {row["item_id"] for row in found}  # not available any more
    known = {(f"u{user:04d}", item_id(item)) for user, item in World().train + World().test}
    assert not known & {(row["user_id"], row["item_id"]) for row in found}
    assert {(row["as_of"], row["model_version"]) for row in found} == {(AS_OF, "1")}
    ranks = [row["rank"] for row in found if row["user_id"] == found[0]["user_id"]]
    assert ranks == list(range(1, len(ranks) + 1))


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_and_publishing_again_writes_nothing(
    home: Settings, tmp_path: Path
) -> None:
    shutil.copytree(home.home, tmp_path / "twin", symlinks=True)
    one, two = publish_queries(home, BUDGET), publish_queries(settings_in(tmp_path / "twin"), BUDGET)
    assert one.sha256 == two.sha256
    again = publish_queries(home, BUDGET)
    assert again == one
    assert [found.generation for found in list_queries(home)] == [1]


@pytest.mark.slow
def test_another_seed_asks_others(home: Settings, tmp_path: Path) -> None:
    shutil.copytree(home.home, tmp_path / "twin", symlinks=True)
    twin = settings_in(tmp_path / "twin")
    publish_queries(home, BUDGET)
    publish_queries(twin, BUDGET, seed=1)
    assert rows(home) != rows(twin)


@pytest.mark.slow
def test_over_a_month_nobody_is_asked_too_soon(home: Settings) -> None:
    """Every four days by the clock of the data, until the people of this world are asked for the second and third time."""
    asked: list[tuple[datetime, str, str]] = []
    everybody = replace(BUDGET, pairs=120)
    for days in range(0, 29, 4):
        if days:
            later(home, days)
        publish_queries(home, everybody)
        found = rows(home)
        assert len(found) <= 120
        moments = {row["user_id"]: row["as_of"] for row in found}
        for at, user, item in asked:
            if user in moments:
                assert moments[user] - at >= timedelta(days=5)
            if moments.get(user, at) - at < timedelta(days=20):
                assert (user, item) not in {(row["user_id"], row["item_id"]) for row in found}
        asked += [(row["as_of"], row["user_id"], row["item_id"]) for row in found]
    assert max(Counter(user for _, user, _ in asked).values()) > 2
    # Tables are kept for as long as somebody in them cools down, and no longer than that and the last three.
    oldest = datetime.fromisoformat(list_queries(home)[0].as_of)
    assert AS_OF + timedelta(days=28) - oldest < timedelta(days=20)


def test_what_is_known_to_be_wrong_is_refused(
    home: Settings, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.raises(NothingPublishedError, match="no queries"):
        current_queries(home)
    later(home, 3)
    published = publish_queries(home, BUDGET)
    later(home, 1)
    with pytest.raises(StaleError, match="newer"):
        publish_queries(home, replace(BUDGET, pairs=10))
    path = folder_of(home, published.generation) / QUERIES
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DamagedFileError):
        current_queries(home)
    nobody = trained_once(tmp_path_factory.getbasetemp(), tmp_path / "nobody").settings
    with pytest.raises(NothingPublishedError, match="approved"):
        publish_queries(nobody, BUDGET)
