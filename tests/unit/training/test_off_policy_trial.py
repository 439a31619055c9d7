"""The contenders on the log of the days they have not seen: the value is the planted one, and an unfit log is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from planted_world import World, settings_in, write_warehouse

from revealed.feedback import write_dataset
from revealed.training.device import Device
from revealed.training.matrix import Interactions, read_interactions
from revealed.training.off_policy_trial import EXPLORATION, OffPolicyTrial, hold_off_policy_trial
from revealed.training.popularity import Popularity
from revealed.training.protocol import create
from revealed.training.serving import Server

CPU = Device("cpu", "a test")


def held(tmp_path: Path, world: World) -> tuple[OffPolicyTrial, dict[str, Server], Interactions]:
    settings = settings_in(tmp_path / "home")
    dataset = write_dataset(settings, write_warehouse(tmp_path / "w.duckdb", world))
    fold = read_interactions(settings, dataset.file("fold_train.parquet"))
    popularity, als = Popularity(), create("als", {"factors": 8})
    for model in (popularity, als):
        model.fit(fold, CPU)
    servers = {"als": Server(als, popularity, fold), "popularity": Server(popularity, popularity, fold)}
    return hold_off_policy_trial(settings, dataset, fold, servers), servers, fold


def planted_value(world: World, server: Server, fold: Interactions) -> float:
    """Return what three places earn: half of what is of the person's taste, in the list or explored."""
    items = np.array([int(name[1:]) for name in server.space])
    people = np.array([int(name[1:]) for name in fold.users])
    lists = items[server.items_for(np.arange(len(people)), 3)]
    listed = (lists % world.tastes == people[:, None] % world.tastes).mean()
    return float(0.5 * ((1 - EXPLORATION) * listed + EXPLORATION / world.tastes))


def test_the_values_are_the_planted_ones(tmp_path: Path) -> None:
    world = World(items=30, explored=6_000)
    found, servers, fold = held(tmp_path, world)
    assert found.rows == 18_000
    assert found.left_out == len(world.test)
    for name, value in found.values.items():
        truth = planted_value(world, servers[name], fold)
        assert value.verdict == "estimated", value.reason
        for one in value.estimators:
            assert one.ci_low is not None
            assert one.ci_high is not None
            assert one.ci_low < truth < one.ci_high, (name, one)
    gain = next(pair for pair in found.differences if pair.model == "als")
    truth = planted_value(world, servers["als"], fold) - planted_value(world, servers["popularity"], fold)
    assert gain.low < truth < gain.high
    assert gain.low > 0


def test_the_same_lists_do_not_differ(tmp_path: Path) -> None:
    """Paired: whatever the log's noise, a model against itself is exactly nothing."""
    settings, world = settings_in(tmp_path / "home"), World(items=30, explored=6_000)
    dataset = write_dataset(settings, write_warehouse(tmp_path / "w.duckdb", world))
    fold = read_interactions(settings, dataset.file("fold_train.parquet"))
    popularity = Popularity()
    popularity.fit(fold, CPU)
    twins = {name: Server(popularity, popularity, fold) for name in ("one", "other")}
    (found, _) = hold_off_policy_trial(settings, dataset, fold, twins).differences
    assert (found.estimate, found.low, found.high) == (0.0, 0.0, 0.0)


def test_few_explored_requests_decide_nothing(tmp_path: Path) -> None:
    found, _, _ = held(tmp_path, World(items=30, explored=200))
    assert {value.verdict for value in found.values.values()} == {"refused"}
    assert "effective sample" in found.values["als"].reason
    assert found.differences == []


def test_a_log_without_propensities_says_so(tmp_path: Path) -> None:
    found, _, _ = held(tmp_path, World(items=30))
    assert (found.rows, found.values) == (0, {})
    assert found.reason == "no impression of these days has a known propensity"


@pytest.mark.parametrize("wrong", [1.0, 0.1])
def test_wrong_propensities_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: float
) -> None:
    """A log that says 1 where it was one in thirty: the mean weight is not 1."""
    import planted_world

    explored = planted_world._explored_impressions
    monkeypatch.setattr(
        planted_world, "_explored_impressions", lambda world: explored(world).assign(propensity=wrong)
    )
    found, _, _ = held(tmp_path, World(items=30, explored=6_000))
    assert "the mean weight is" in found.values["als"].reason
